"""The spans of an attempt, derived from its log."""

from __future__ import annotations

import hashlib
from typing import Any

from millracer.domain.trace_context import TraceContext
from millracer.tracing.spans import SpanRecord, spans_of
from tests.support.attempt_ends import EPOCH, at, attempt_end, logged

SPAN = TraceContext(trace_id="1" * 32, span_id="2" * 16, state="a=1")
PARENT = TraceContext(trace_id="1" * 32, span_id="3" * 16)
BUILDER = {"item_id": "fix-it-1", "run_id": "run-1", "plane": "execution", "stage": "builder"}
CHECKER = {**BUILDER, "run_id": "run-2", "stage": "checker"}
NOT_ENDED = {"terminal_result": None, "failure_class": None}
ENDED = {"outcome": "completed", "scoped_completion": True, "exit_code": 0}


def spans(*steps: tuple[str, float, dict[str, Any]]) -> dict[str, SpanRecord]:
    end = attempt_end(events=logged(*steps), span=SPAN, parent=PARENT)
    return {f"{each.name} {each.attributes.get('millracer.attempt', '')}".strip(): each
            for each in spans_of(end)}  # fmt: skip


def derived(number: int) -> str:
    return hashlib.sha256(f"{EPOCH}-{number}".encode()).hexdigest()[:16]


def test_a_run_has_its_states_and_stages_as_children() -> None:
    found = spans(
        ("attempt.started", 2, {"traceparent": str(SPAN)}),
        ("state.entered", 1, {"state": "decide"}),
        ("state.entered", 3, {"state": "monitor"}),
        ("stage.started", 4, {**BUILDER, **NOT_ENDED}),
        ("stage.ended", 9, {**BUILDER, "terminal_result": "DONE", "failure_class": None}),
        ("attempt.ended", 12, ENDED),
    )

    root = found["millracer.run 1"]
    assert (root.context, root.parent_id) == (SPAN, PARENT.span_id)
    assert (root.start, root.end) == (at(1), at(12))
    assert root.attributes == {
        "millracer.work_item.id": "fix-it-1",
        "millracer.attempt": 1,
        "millracer.outcome": "completed",
        "millracer.scoped_completion": True,
    }
    assert root.failure is None
    decide, monitor, builder = (
        found[name] for name in ("state decide", "state monitor", "stage builder")
    )
    assert (decide.start, decide.end) == (at(1), at(3))
    assert (monitor.start, monitor.end) == (at(3), at(12))
    assert (builder.start, builder.end) == (at(4), at(9))
    assert builder.attributes == {
        "millracer.work_item.id": "fix-it-1",
        "millrace.run.id": "run-1",
        "millrace.stage": "builder",
        "millrace.plane": "execution",
        "millrace.terminal_result": "DONE",
    }
    for each in (decide, monitor, builder):
        assert each.parent_id == SPAN.span_id
        assert each.context.trace_id == SPAN.trace_id
    assert builder.context.span_id == derived(5)


def test_what_failed_is_an_error() -> None:
    found = spans(
        ("attempt.started", 0, {}),
        ("stage.started", 1, {**BUILDER, **NOT_ENDED}),
        ("stage.ended", 2, {**BUILDER, "terminal_result": "X", "failure_class": "crash"}),
        ("attempt.ended", 3, {**ENDED, "outcome": "blocked", "scoped_completion": False}),
    )

    assert found["millracer.run 1"].failure == "blocked"
    assert found["stage builder"].failure == "crash"


def test_an_unfinished_stage_ends_with_its_attempt() -> None:
    found = spans(
        ("attempt.started", 0, {}),
        ("stage.started", 1, {**BUILDER, **NOT_ENDED}),
        ("attempt.ended", 3, {**ENDED, "outcome": "timed_out"}),
    )

    assert (found["stage builder"].start, found["stage builder"].end) == (at(1), at(3))


def test_a_lost_attempt_is_exported_with_the_next_and_linked() -> None:
    lost = TraceContext(trace_id="4" * 32, span_id="5" * 16)
    found = spans(
        ("attempt.started", 0, {"traceparent": str(lost), "parent_span_id": "6" * 16}),
        ("state.entered", 0, {"state": "monitor"}),
        ("stage.started", 1, {**BUILDER, **NOT_ENDED}),
        ("runtime.waiting", 2, {}),
        ("attempt.lost", 50, {}),
        ("attempt.started", 50, {"attempt": 2}),
        ("stage.ended", 20, {**BUILDER, "attempt": 2, "terminal_result": "DONE"}),
        ("stage.started", 21, {**CHECKER, **NOT_ENDED, "attempt": 2}),
        ("stage.ended", 55, {**CHECKER, "attempt": 2, "terminal_result": "DONE"}),
        ("attempt.ended", 60, {**ENDED, "attempt": 2}),
    )

    first, second = found["millracer.run 1"], found["millracer.run 2"]
    assert (first.context, first.parent_id) == (lost, "6" * 16)
    assert (first.start, first.end) == (at(0), at(2))
    assert first.failure
    assert second.context == SPAN
    assert second.links == (lost,)
    assert found["state monitor"].parent_id == lost.span_id
    builder = found["stage builder"]
    assert builder.parent_id == SPAN.span_id
    assert (builder.start, builder.end) == (at(1), at(20)), "one span, from its own start"


def test_an_attempt_that_ended_is_not_exported_again() -> None:
    found = spans(
        ("attempt.started", 0, {}),
        ("attempt.ended", 5, {**ENDED, "outcome": "timed_out"}),
        ("attempt.started", 50, {"attempt": 2}),
        ("attempt.ended", 60, {**ENDED, "attempt": 2}),
    )

    assert set(found) == {"millracer.run 2"}


def test_a_lost_attempt_without_a_span_gets_its_ids_from_the_log() -> None:
    found = spans(
        ("attempt.started", 0, {}),
        ("attempt.lost", 50, {}),
        ("attempt.started", 50, {"attempt": 2}),
        ("attempt.ended", 60, {**ENDED, "attempt": 2}),
    )

    context = found["millracer.run 1"].context
    assert context.trace_id == hashlib.sha256(EPOCH.encode()).hexdigest()[:32]
    assert context.span_id == derived(1)


def test_a_log_that_began_within_the_attempt_has_its_end() -> None:
    found = spans(
        ("stage.ended", 2, {**BUILDER, "terminal_result": "DONE"}),
        ("attempt.ended", 3, ENDED),
    )

    assert found["millracer.run 1"].context == SPAN
    assert (found["stage builder"].start, found["stage builder"].end) == (at(2), at(2))


def test_equal_logs_give_equal_spans() -> None:
    steps = (
        ("attempt.started", 0, {}),
        ("state.entered", 1, {"state": "monitor"}),
        ("stage.started", 1, {**BUILDER, **NOT_ENDED}),
        ("attempt.ended", 3, ENDED),
    )

    assert spans(*steps) == spans(*steps)


def test_a_log_without_attempts_has_no_spans() -> None:
    assert spans(("item.enqueued", 0, {"attempt": 0})) == {}
