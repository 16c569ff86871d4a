"""Which process reports the end of an attempt: the writer of its log, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.event_log import Event, EventType
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.domain.trace_context import RunTrace, TraceContext
from millracer.domain.work.items import ItemState
from millracer.errors import RunWarning
from millracer.event_log.logs import FileEventLogs
from millracer.event_log.writer import FileLogWriter
from millracer.ports import AttemptEnd, AttemptEndListener
from millracer.run.orchestrator import Orchestrator
from millracer.schemas.run.result import describe, render_result
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import Step, item_ends, stage_ends, stage_runs, then
from tests.support.event_logs import AT

DONE = (stage_runs("builder"), stage_ends("builder"), stage_runs("updater"), item_ends())
REQUEST = RunRequest(
    task="Make the widget blue",
    request_id="req-1",
    scope=ScopedWork(item_id="ITEM-1"),
    route=RoutePreference.MILLRACE,
    intake=IntakePreference.TASK,
    finalizer=Finalizer.SUMMARY,
)


@dataclass(slots=True)
class Listener(AttemptEndListener):
    """Keeps the ends; each gets a warning."""

    logs: FileEventLogs | None = None
    ends: list[AttemptEnd] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    had_writer: list[bool] = field(default_factory=list)

    def attempt_ended(self, end: AttemptEnd, wait: Wait) -> tuple[RunWarning, ...]:
        self.ends.append(end)
        self.waits.append(wait)
        if self.logs is not None and end.work_item_id is not None:
            self.had_writer.append(self.logs.has_writer(end.work_item_id))
        return (RunWarning("notify_failed", "-"),)


def run(  # noqa: PLR0913 - the parts of a run
    logs: FileEventLogs | None,
    listener: Listener,
    *steps: Step,
    backend: ScriptedBackend | None = None,
    request: RunRequest = REQUEST,
    cancellation: Cancellation | None = None,
    trace: RunTrace | None = None,
    answers: tuple[str, ...] = (),
) -> RunResult:
    millrace = backend or ScriptedBackend()
    millrace.will_show(*steps)
    orchestrator = Orchestrator(
        millrace=millrace,
        pi=ScriptedAgent(*answers),
        clock=FrozenClock(),
        unique=lambda: "unique",
        logs=logs,
        render=render_result,
        end_listeners=(listener,),
        trace=trace or RunTrace(),
    )
    return orchestrator.run(request, cancellation or Cancellation())


def codes(result: RunResult) -> list[str]:
    return [warning.code for warning in result.warnings]


def test_the_writer_reports_its_end_once_after_it_released_the_log(logs: FileEventLogs) -> None:
    listener = Listener(logs)
    result = run(logs, listener, *DONE)

    (end,) = listener.ends
    (last,) = end.events()[-1:]
    assert (last.type, str(last.cursor)) == ("attempt.ended", end.message_id)
    assert end.cursor == last.cursor
    assert (end.outcome, end.request_id) == (Outcome.COMPLETED, "req-1")
    assert json.loads(end.document)["scoped_completion"] is True
    assert listener.had_writer == [False]
    assert codes(result) == ["notify_failed"]
    assert result.outcome is Outcome.COMPLETED


def test_a_warning_is_in_the_document_and_not_in_the_reported_one(logs: FileEventLogs) -> None:
    listener = Listener()
    result = run(logs, listener, *DONE)

    assert describe(result).warnings == ["notify_failed: -"]
    assert json.loads(listener.ends[0].document)["warnings"] == []


def test_an_ended_item_is_not_reported_again(logs: FileEventLogs) -> None:
    backend, listener = ScriptedBackend(), Listener()
    run(logs, listener, *DONE, backend=backend)
    run(logs, listener, backend=backend)
    (item_id,) = logs.item_ids()
    run(logs, listener, backend=backend, request=replace(REQUEST, resume=item_id, scope=None))

    assert len(listener.ends) == 1


def test_an_observer_reports_nothing(logs: FileEventLogs) -> None:
    backend, listener = ScriptedBackend(), Listener()

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(logs, Listener(), stage_runs("builder"), then(killed), backend=backend)
    (item_id,) = logs.item_ids()
    watch = replace(REQUEST, resume=item_id, scope=None, observe=True)
    (item,) = backend.items.values()

    def ends() -> None:
        item.state, item.proven = ItemState.DONE, True

    result = run(logs, listener, then(ends), backend=backend, request=watch)

    assert result.outcome is Outcome.COMPLETED
    assert listener.ends == []


def document() -> dict[str, Any]:
    """Return the document of the item when it is done."""
    found: dict[str, Any] = json.loads(render_result(run(None, Listener(), *DONE)))
    return found


def held(logs: FileEventLogs) -> FileLogWriter:
    """Write the item's log as another process, with one open attempt."""
    writer = logs.write(str(document()["work_item_id"]))
    assert writer is not None
    writer.append(Event(type=EventType.ATTEMPT_STARTED, at=AT, message="-", payload={"attempt": 1}))
    return writer


def ended_by(writer: FileLogWriter) -> Callable[[], None]:
    """Return what ends the other process's attempt."""

    def end() -> None:
        payload = {
            "attempt": 1,
            "outcome": "completed",
            "scoped_completion": True,
            "exit_code": 0,
            "result_sha256": writer.write_result(1, json.dumps(document())),
        }
        writer.append(Event(type=EventType.ATTEMPT_ENDED, at=AT, message="-", payload=payload))

    return end


def test_a_follower_reports_nothing(logs: FileEventLogs) -> None:
    listener, writer = Listener(), held(logs)
    try:
        result = run(logs, listener, *DONE[:-1], then(ended_by(writer)), DONE[-1])
    finally:
        writer.close()

    assert result.attached is not None
    assert listener.ends == []


def test_a_follower_that_took_over_reports_its_own_attempt(logs: FileEventLogs) -> None:
    listener, writer = Listener(), held(logs)
    closing = Thread(target=writer.close)

    def settle() -> None:
        closing.start()
        closing.join()
        reader = logs.read(str(document()["work_item_id"]))
        while EventType.ATTEMPT_LOST not in {each.type for each in reader.read().events}:
            pass
        reader.close()

    run(logs, listener, DONE[0], then(settle), *DONE[1:])

    (end,) = listener.ends
    assert [each.payload.get("attempt") for each in end.events()][-1] == 2


def test_a_run_without_a_log_is_reported_with_a_random_id(
    logs: FileEventLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(FileLogWriter, "append", full)
    listener = Listener()
    run(logs, listener, *DONE)
    run(None, listener, *DONE)

    assert [(each.message_id, each.cursor) for each in listener.ends] == [("unique", None)] * 2


def test_a_direct_task_is_reported_with_its_own_events(logs: FileEventLogs) -> None:
    listener = Listener()
    direct = replace(REQUEST, route=RoutePreference.DIRECT, scope=None)
    run(logs, listener, request=direct, answers=("Done.",))

    (end,) = listener.ends
    kinds = [each.type for each in end.events()]
    assert (end.message_id, end.cursor, end.work_item_id) == ("unique", None, None)
    assert kinds[0] == "attempt.started"
    assert kinds[-1] == "attempt.ended"
    states = [each.payload["state"] for each in end.events() if each.type == "state.entered"]
    assert states == ["decide", "direct", "finalize"]


def test_a_watch_of_an_unknown_item_is_not_reported(logs: FileEventLogs) -> None:
    listener = Listener()
    result = run(logs, listener, request=replace(REQUEST, resume="none", scope=None))

    assert result.outcome is Outcome.FAILED
    assert listener.ends == []


def test_a_stop_request_shortens_the_reports(logs: FileEventLogs) -> None:
    cancellation, listener = Cancellation(), Listener()
    stopped = then(lambda: cancellation.cancel(CancelReason.TERMINATED))
    result = run(logs, listener, stage_runs("builder"), stopped, cancellation=cancellation)

    assert result.outcome is Outcome.CANCELLED
    (end,), (wait,) = listener.ends, listener.waits
    assert end.outcome is Outcome.CANCELLED
    wait.cancellation.raise_if_cancelled()  # the first request decided the outcome
    cancellation.cancel(CancelReason.TERMINATED)
    assert wait.cancellation.reason is CancelReason.TERMINATED


def test_the_log_keeps_the_span_of_each_attempt(logs: FileEventLogs, tmp_path: Path) -> None:
    span = TraceContext(trace_id="1" * 32, span_id="2" * 16)
    parent = TraceContext(trace_id="1" * 32, span_id="3" * 16)
    listener = Listener()
    run(logs, listener, *DONE, trace=RunTrace(span=span, parent=parent))

    (end,) = listener.ends
    started = next(each for each in end.events() if each.type == "attempt.started")
    assert (end.span, end.parent) == (span, parent)
    assert started.payload["traceparent"] == str(span)
    assert started.payload["parent_span_id"] == "3" * 16
