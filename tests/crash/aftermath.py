"""What a workspace looks like after a death and what followed: read past the product."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.support.cli import Ran
from tests.support.workspace import Workspace
from tests.truth.oracle import find_truth
from tests.truth.play import compare

#: What ends a task and a probe.
_LAST = {("updater", "UPDATE_COMPLETE"), ("recon", "RECON_TO_EXECUTION")}

_STAGE_EVENTS = {"stage_started", "stage_completed"}
#: The keys that all documents of an item share.
_ALIKE = ("work_item_id", "outcome", "scoped_completion", "lineage", "missing_evidence")


def documents(workspace: Workspace) -> dict[str, list[str]]:
    """Return where Millrace holds each item: folders, `mailbox`, `inbox`."""
    agents = workspace.agents
    places: dict[str, list[str]] = {}
    for family in ("tasks", "probes", "specs"):
        for path in sorted((agents / family).glob("*/*.md")):
            places.setdefault(path.stem, []).append(path.parent.name)
    for path in sorted((agents / "state" / "mailbox" / "incoming").glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        if body.get("command", "").startswith("add_"):
            places.setdefault(_named(body), []).append("mailbox")
    for path in sorted((agents / "intake" / "ideas" / "inbox").glob("*.md")):
        places.setdefault(path.stem, []).append("inbox")
    return places


def endings(workspace: Workspace) -> Counter[str]:
    """Return how often each item was brought to its end, by Millrace's own stage results."""
    ended: Counter[str] = Counter()
    for path in workspace.agents.glob("runs/*/stage_results/*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        if (result.get("stage"), result.get("terminal_result")) in _LAST:
            ended[result["work_item_id"]] += 1
    return ended


def refusals(workspace: Workspace) -> int:
    """Return how many commands a daemon refused: a second add of one item would be one."""
    return sum(1 for _ in (workspace.agents / "state" / "mailbox" / "failed").glob("*.json"))


def files_left(workspace: Workspace) -> tuple[str, ...]:
    """List forbidden leftovers of Millracer: locks, records, temporary files."""
    own = workspace.root / ".millracer"
    left = [
        f"left behind: {path.relative_to(workspace.root)}"
        for path in (
            workspace.agents / "state" / "runtime_daemon.lock.json",
            own / "daemon.json",
            *own.rglob(".*"),
        )
        if path.exists() and path.name != ".gitignore"
    ]
    held = [f"still locked: {path.name}" for path in own.glob("locks/*.lock") if not _free(path)]
    return (*left, *held)


def untrue(ran: Ran, workspace: Workspace) -> tuple[str, ...]:
    """Say what of a delegated run's result is not so."""
    found = find_truth(workspace.root, ran.result["work_item_id"], ran.result["intake_kind"])
    return compare(ran, found)


def twice(items: Iterable[str], workspace: Workspace) -> tuple[str, ...]:
    """Say which of these items are not in Millrace exactly once, done exactly once."""
    places, ended = documents(workspace), endings(workspace)
    wrong = [
        f"{item} is in {places.get(item, 'nothing')} and was brought to its end {ended[item]} times"
        for item in items
        if places.get(item) != ["done"] or ended[item] != 1
    ]
    if refusals(workspace):
        wrong.append(f"{refusals(workspace)} commands were refused by a daemon")
    return tuple(wrong)


def unlike_story(workspace: Workspace, item: str, again: Ran, watched: Ran) -> tuple[str, ...]:
    """Report what is wrong with an item's event log, and with what a watch prints afterwards."""
    folder = workspace.root / ".millracer" / "items" / item
    lines = [json.loads(line) for line in (folder / "events.ndjson").read_bytes().splitlines()]
    wrong = []
    if [line["seq"] for line in lines] != list(range(len(lines))):
        wrong.append(f"the log's numbers are {[line['seq'] for line in lines]}")
    if list(folder.glob("events.damaged-*")):
        wrong.append("the log was damaged")
    logged = Counter(line["key"] for line in lines if line["type"].startswith("stage."))
    happened = _stages_of(workspace, item)
    if set(logged.values()) - {1} or len(logged) != happened:
        wrong.append(f"Millrace has {happened} events of stages, the log {dict(logged)}")
    started = [line for line in lines if line["type"] == "attempt.started"]
    closed = [line for line in lines if line["type"] in {"attempt.lost", "attempt.ended"}]
    numbers = [line["payload"]["attempt"] for line in started]
    if numbers != list(range(1, len(started) + 1)) or len(closed) != len(started):
        wrong.append(f"the log's attempts are {numbers}, {len(closed)} of them closed")
    ended = [line["payload"] for line in lines if line["type"] == "attempt.ended"]
    if not ended or ended[-1]["outcome"] != again.result["outcome"]:
        wrong.append(f"the log's last end is {ended[-1:]}")
    else:
        stored = (folder / f"result-{ended[-1]['attempt']}.json").read_bytes()
        if hashlib.sha256(stored).hexdigest() != ended[-1]["result_sha256"]:
            wrong.append("the stored document is another one")
        documents = {_common(json.loads(stored)), _common(again.result), _common(watched.result)}
        if len(documents) != 1:
            wrong.append(f"the documents differ: {documents}")
    return tuple(wrong)


def _common(document: Mapping[str, object]) -> str:
    """Return the parts of a document that all documents of the item share."""
    common = {name: document[name] for name in _ALIKE}
    evidence = document["completion_evidence"]
    assert isinstance(evidence, list)
    facts = sorted((each["work_item_id"], each["kind"], str(each["run_id"])) for each in evidence)
    return json.dumps([common, facts], sort_keys=True)


def _stages_of(workspace: Workspace, item: str) -> int:
    """Return how many beginnings and ends of stages of an item are in Millrace's log."""
    text = (workspace.agents / "logs" / "runtime_events.jsonl").read_text(encoding="utf-8")
    events = map(json.loads, text.splitlines())
    return sum(
        event["event_type"] in _STAGE_EVENTS and event["data"].get("work_item_id") == item
        for event in events
    )


def _named(body: dict[str, object]) -> str:
    """Return the item that a mailbox command is about."""
    payload = body.get("payload")
    document = payload.get("document") if isinstance(payload, dict) else None
    if isinstance(document, dict):
        for key in ("task_id", "probe_id", "spec_id"):
            if document.get(key):
                return str(document[key])
    return str(body.get("command_id"))


def _free(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
