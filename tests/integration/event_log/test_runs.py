"""A run writes the story of its item; a second run of the item follows, agrees or disagrees."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from millracer import Client
from millracer.cancellation import Cancellation
from millracer.domain.event_log import Event, EventType, LogEvent
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.domain.work.items import ItemState
from millracer.event_log.logs import FileEventLogs
from millracer.event_log.writer import FileLogWriter
from millracer.run.orchestrator import Orchestrator
from millracer.run.submitter import Submitter
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


def run(logs: FileEventLogs, *steps: Step, backend: ScriptedBackend | None = None) -> RunResult:
    millrace = backend or ScriptedBackend()
    millrace.will_show(*steps)
    orchestrator = Orchestrator(
        millrace=millrace,
        pi=ScriptedAgent(),
        clock=FrozenClock(),
        unique=lambda: "u",
        logs=logs,
        render=render_result,
    )
    return orchestrator.run(REQUEST, Cancellation())


def story(logs: FileEventLogs) -> list[LogEvent]:
    (item_id,) = logs.item_ids()
    reader = logs.read(item_id)
    try:
        return list(reader.read().events)
    finally:
        reader.close()


def types(logs: FileEventLogs) -> list[str]:
    return [event.type for event in story(logs)]


def codes(result: RunResult) -> list[str]:
    return [warning.code for warning in result.warnings]


def test_a_run_is_one_attempt_with_each_stage_and_its_result(logs: FileEventLogs) -> None:
    result = run(logs, *DONE)

    kinds = types(logs)
    assert kinds[:2] == ["log.opened", "attempt.started"]
    assert kinds[-1] == "attempt.ended"
    assert kinds.count("stage.started") == 2
    assert kinds.count("item.enqueued") == 1
    ended = story(logs)[-1].payload
    assert (ended["outcome"], ended["scoped_completion"], ended["exit_code"]) == (
        "completed",
        True,
        0,
    )
    stored = logs.result(logs.item_ids()[0], 1, str(ended["result_sha256"]))
    assert stored == json.loads(render_result(result))


def test_a_run_killed_before_its_end_is_a_lost_attempt(logs: FileEventLogs) -> None:
    backend = ScriptedBackend()

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(logs, stage_runs("builder"), then(killed), backend=backend)
    run(logs, *DONE[1:], backend=backend)

    kinds = types(logs)
    assert kinds.count("attempt.lost") == 1
    assert kinds.count("attempt.started") == 2
    assert kinds.count("stage.started") == 2, "each stage once, also the one of the lost attempt"
    attempts = [event.payload["attempt"] for event in story(logs)[1:]]
    assert attempts == sorted(attempts)


def test_what_no_process_saw_is_logged_before_the_next_stage(logs: FileEventLogs) -> None:
    backend = ScriptedBackend()

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(logs, stage_runs("builder"), then(killed), backend=backend)
    (missed,) = stage_ends("builder").events
    backend.stage_log.append(replace(missed, item_id=logs.item_ids()[0]))
    run(logs, *DONE[2:], backend=backend)

    stages = [(each.type, each.payload["stage"]) for each in story(logs) if "stage" in each.payload]
    assert stages == [
        ("stage.started", "builder"),
        ("stage.ended", "builder"),
        ("stage.started", "updater"),
    ]


def test_a_submission_logs_that_millrace_has_the_item(logs: FileEventLogs) -> None:
    submitter = Submitter(
        millrace=ScriptedBackend(),
        models=ScriptedAgent(),
        clock=FrozenClock(),
        unique=lambda: "u",
        logs=logs,
    )
    logs._folder.mkdir()
    submitter.submit(REQUEST, Cancellation())

    assert types(logs) == ["log.opened", "item.enqueued"]
    assert story(logs)[-1].payload["attempt"] == 0


@contextmanager
def held(logs: FileEventLogs, item_id: str) -> Iterator[FileLogWriter]:
    """Write the log of an item as another process, with one open attempt."""
    writer = logs.write(item_id)
    assert writer is not None
    try:
        payload = {"attempt": 1, "pid": 1}
        writer.append(Event(type=EventType.ATTEMPT_STARTED, at=AT, message="-", payload=payload))
        yield writer
    finally:
        writer.close()


def ending(writer: FileLogWriter, document: str, **changed: object) -> Callable[[], None]:
    """Return what ends the other process's attempt with a document."""

    def end() -> None:
        payload = {
            "attempt": 1,
            "outcome": "completed",
            "scoped_completion": True,
            "exit_code": 0,
            "result_sha256": writer.write_result(1, document),
            **changed,
        }
        writer.append(Event(type=EventType.ATTEMPT_ENDED, at=AT, message="-", payload=payload))

    return end


def document(**changed: object) -> str:
    """Return the document of another run of the item, with some keys changed."""
    own = json.loads(render_result(run_alone()))
    return json.dumps({**own, "request_id": "other", "output": "other", **changed})


def run_alone() -> RunResult:
    backend = ScriptedBackend()
    backend.will_show(*DONE)
    return Orchestrator(
        millrace=backend, pi=ScriptedAgent(), clock=FrozenClock(), unique=lambda: "u"
    ).run(REQUEST, Cancellation())


def follow(logs: FileEventLogs, other: str, **changed: object) -> RunResult:
    """Run the item while another process writes its log, which ends with this document."""
    item_id = str(json.loads(document())["work_item_id"])
    with held(logs, item_id) as writer:
        return run(logs, *DONE[:-1], then(ending(writer, other, **changed)), DONE[-1])


def test_a_follower_returns_the_document_of_a_writer_it_agrees_with(logs: FileEventLogs) -> None:
    result = follow(logs, document())

    printed: dict[str, Any] = describe(result).model_dump(mode="json")
    assert printed["output"] == "other"
    assert printed["request_id"] == "req-1"
    assert any(each.startswith("attached: ") for each in printed["warnings"])


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        pytest.param({}, {"outcome": "blocked"}, id="another outcome"),
        pytest.param({}, {"exit_code": 4}, id="another exit code"),
        pytest.param({}, {"result_sha256": "0" * 64}, id="another document"),
        pytest.param({"completion_evidence": []}, {}, id="no proof"),
        pytest.param({"schema_version": "other"}, {}, id="no result"),
        pytest.param({"usage": 17}, {}, id="a broken result"),
        pytest.param({"work_item_id": "other"}, {}, id="another item"),
        pytest.param({"outcome": "blocked"}, {}, id="a document that says otherwise"),
    ],
)
def test_a_log_that_disagrees_changes_no_result(
    logs: FileEventLogs, other: dict[str, object], changed: dict[str, object]
) -> None:
    result = follow(logs, document(**other), **changed)

    assert result.outcome is Outcome.COMPLETED
    assert result.attached is None
    assert "log_disagrees" in codes(result)


def test_a_writer_that_never_ends_holds_no_follower_up(
    logs: FileEventLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millracer.run.event_log.log.WRITER_ENDS_SECONDS", 0.2)
    item_id = str(json.loads(document())["work_item_id"])
    with held(logs, item_id):
        result = run(logs, *DONE)

    assert result.outcome is Outcome.COMPLETED
    assert (result.attached, codes(result)) == (None, [])


def test_a_follower_becomes_the_writer_when_the_writer_ends(logs: FileEventLogs) -> None:
    item_id = str(json.loads(document())["work_item_id"])
    with held(logs, item_id) as writer:
        closing = Thread(target=writer.close)
        result = run(
            logs, DONE[0], then(lambda: (closing.start(), closing.join(), settle(logs))), *DONE[1:]
        )

    kinds = types(logs)
    assert result.outcome is Outcome.COMPLETED
    assert result.attached is None
    assert kinds.count("attempt.lost") == 1
    assert kinds[-1] == "attempt.ended"
    assert kinds.count("stage.started") == 2


def settle(logs: FileEventLogs) -> None:
    """Wait until the follower has taken over; a test's limit ends it."""
    while EventType.ATTEMPT_LOST not in types(logs):
        pass


def test_a_log_that_cannot_be_written_is_one_warning(
    logs: FileEventLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(FileLogWriter, "append", full)
    result = run(logs, *DONE)

    assert result.outcome is Outcome.COMPLETED
    assert codes(result).count("events_not_stored") == 1


def test_an_ended_item_adds_nothing_to_its_log(logs: FileEventLogs) -> None:
    backend = ScriptedBackend()
    run(logs, *DONE, backend=backend)
    before = story(logs)

    again = run(logs, backend=backend)

    assert again.outcome is Outcome.COMPLETED
    assert story(logs) == before


def test_an_ended_item_whose_attempt_was_lost_gets_its_end(logs: FileEventLogs) -> None:
    backend = ScriptedBackend()

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(logs, stage_runs("builder"), then(killed), backend=backend)
    (item,) = backend.items.values()
    item.state, item.proven = ItemState.DONE, True
    run(logs, backend=backend)

    kinds = types(logs)
    assert kinds.count("attempt.lost") == 1
    assert kinds[-1] == "attempt.ended"
    assert story(logs)[-1].payload["attempt"] == 2


def test_stages_that_ran_while_no_process_watched_are_added_once(logs: FileEventLogs) -> None:
    backend = ScriptedBackend()
    submitter = Submitter(
        millrace=backend,
        models=ScriptedAgent(),
        clock=FrozenClock(),
        unique=lambda: "u",
        logs=logs,
    )
    logs._folder.mkdir()
    submitter.submit(REQUEST, Cancellation())
    (item,) = backend.items.values()
    item.state, item.proven = ItemState.DONE, True
    for step in (stage_runs("builder"), stage_ends("builder")):
        backend.stage_log += [replace(each, item_id=item.item_id) for each in step.events]

    run(logs, backend=backend)
    before = story(logs)
    run(logs, backend=backend)

    kinds = [event.type for event in before]
    assert [kind for kind in kinds if kind.startswith("stage.")] == ["stage.started", "stage.ended"]
    assert kinds[:2] == ["log.opened", "item.enqueued"]
    assert kinds[-1] == "attempt.ended"
    assert story(logs) == before


def test_the_history_has_each_attempt_with_its_tokens(tmp_path: Path) -> None:
    backend = ScriptedBackend()

    def killed() -> None:
        raise KeyboardInterrupt

    own = FileEventLogs(tmp_path / ".millracer" / "items")
    (tmp_path / ".millracer").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run(own, stage_runs("builder"), then(killed), backend=backend)
    ended = run(own, *DONE[1:], backend=backend)

    with Client(tmp_path) as client:
        result = client.history()

    tokens = describe(ended).usage.total.tokens.total
    assert [(each.number, each.outcome, each.is_lost) for each in result.attempts] == [
        (2, "completed", False),
        (1, None, True),
    ]
    assert [each.tokens for each in result.attempts] == [tokens, None]
    assert tokens > 0
