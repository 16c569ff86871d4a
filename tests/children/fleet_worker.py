"""A worker of a fleet whose runs are played: real locks, store, engine, signals and exits.

The request's `options.play` says how a run goes: `seconds` it takes, `poison`: the attempts at
which the worker is killed. Events go to the JSONL file FLEET_JOURNAL, one line each:
`started` and `finished` with item, root, pid and time. An item's record in
`.millracer/fleet/played` plays Millrace: who finds his item there judges it at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from millracer import wiring
from millracer.cancellation import Cancellation
from millracer.cli.commands.fleet.work import work_with
from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.event_log import Event, EventType
from millracer.fleet import engine
from millracer.fleet.checkout import CheckoutFolder
from millracer.fleet.store import PostgresFleet
from millracer.operations.fleet.task import submission_of
from millracer.ports.fleet_engine import RateLimit
from millracer.worker import heartbeat
from millracer.worker.assembly import WorkerChoice
from millracer.worker.runner import CancelEffect, OnEvent


def note(what: str, **more: object) -> None:
    line = json.dumps({"what": what, "at": time.time(), "pid": os.getpid(), **more})
    descriptor = os.open(os.environ["FLEET_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


class Played:
    """Plays the runs."""

    def run(
        self,
        request: Mapping[str, Any],
        root: str,
        cancellation: Cancellation,
        on_event: OnEvent,
    ) -> dict[str, Any]:
        item = str(request["idempotency_key"])
        play = dict(request.get("play") or {})
        done = Path(root) / ".millracer" / "fleet" / f"played-{item}"
        tries = done.with_suffix(".tries")
        with tries.open("ab") as file:
            file.write(b"x")
        note("started", item=item, root=root)
        on_event(Event(type=EventType.RUNTIME_STARTED, at=_now(), message="started"), 1)
        if tries.stat().st_size <= play.get("poison", 0):
            os.kill(os.getpid(), signal.SIGKILL)
        limit = time.monotonic() + float(play.get("seconds", 0.1))
        on_event(
            Event(
                type=EventType.STAGE_STARTED,
                at=_now(),
                message="builder began",
                payload={"stage": "builder"},
            ),
            2,
        )
        outcome = "completed"
        while not done.exists() and time.monotonic() < limit:
            with suppress(Exception):
                cancellation.sleep(0.02)
            if cancellation.reason is not None:
                outcome = "cancelled"
                break
        if outcome == "completed":
            done.touch()
        note("finished", item=item, root=root, outcome=outcome)
        is_task = "input" in request
        work_item = submission_of(request, workspace_id="-").item_id if is_task else item
        return _document(work_item, outcome, request)

    def certify(
        self, document: dict[str, Any], _root: str, _lease: CertifiedLease
    ) -> dict[str, Any]:
        return document

    def cancel(self, item_id: str, root: str) -> CancelEffect:
        note("cancelled", item=item_id, root=root)
        return CancelEffect.CANCELLED


def _document(item: str, outcome: str, request: Mapping[str, Any]) -> dict[str, Any]:
    completed = outcome == "completed"
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": request.get("request_id"),
        "status": "succeeded" if completed else outcome,
        "warnings": [],
        "errors": [],
        "completion": {
            "outcome": outcome,
            "scoped_completion": completed,
            "evidence_summary": [{"at": _now().isoformat()}] if completed else [],
        },
        "raw_compat": {"work_item_id": item},
    }


def _now() -> datetime:
    return wiring.SystemClock().now()


def read_clock_from(path: Path) -> None:
    """Let the clock of the host be ahead by the seconds in a file."""
    wiring.SystemClock.now = lambda _clock: (
        datetime.now(UTC) + timedelta(seconds=float(path.read_text()))
    )


def die_at(step: str, when: str, mark: Path) -> None:
    """Let the worker be killed before or after its first such step, once."""
    kinds: dict[str, type[Any]] = {
        "launch": engine.DbosEngine,
        "run": Played,
        "identity": CheckoutFolder,
        "write_lease": CheckoutFolder,
        "clear_lease": CheckoutFolder,
    }
    kind = kinds.get(step, PostgresFleet)
    step_itself = getattr(kind, step)

    def deadly(*arguments: Any, **keywords: Any) -> Any:
        if when == "before":
            _die_once(mark)
        answer = step_itself(*arguments, **keywords)
        if when == "after":
            _die_once(mark)
        return answer

    setattr(kind, step, deadly)


def _die_once(mark: Path) -> None:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    given = json.loads(sys.argv[1])
    if "clock" in given:
        read_clock_from(Path(given.pop("clock")))
    if "dies_at" in given:
        step, when, mark = given.pop("dies_at")
        die_at(step, when, Path(mark))
    heartbeat.RECONCILE_SECONDS = given.pop("reconcile_seconds", 30.0)
    engine.MOST_RECOVERIES = given.pop("most_recoveries", 10)
    if "limit" in given:
        items, seconds = given.pop("limit")
        given["limit"] = RateLimit(items=items, seconds=seconds)
    for name in ("workspaces", "labels"):
        given[name] = tuple(map(tuple, given[name])) if name == "workspaces" else tuple(given[name])
    return work_with(Played(), WorkerChoice(**given))


if __name__ == "__main__":
    sys.exit(main())
