"""What a workspace looks like after a death and what followed: read past the product."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.support.cli import Ran
from tests.support.workspace import Workspace
from tests.truth.oracle import find_truth
from tests.truth.play import compare

#: What ends a task and a probe.
_LAST = {("updater", "UPDATE_COMPLETE"), ("recon", "RECON_TO_EXECUTION")}


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
