"""The trace context of the environment and of a request."""

from __future__ import annotations

import pytest

from millracer.domain.trace_context import TraceContext, context_in, parse_trace_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_context_is_read_from_the_environment() -> None:
    context = context_in({"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2"})

    assert context == TraceContext(trace_id=TRACE, span_id=SPAN, state="a=1,b=2")
    assert context.variables() == {"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2"}


def test_a_context_without_state_sets_none() -> None:
    context = context_in({"TRACEPARENT": PARENT})

    assert context is not None
    assert context.variables() == {"TRACEPARENT": PARENT}


@pytest.mark.parametrize(
    ("flags", "is_sampled"), [("00", False), ("01", True), ("03", True), ("02", False)]
)
def test_the_first_flag_says_whether_the_trace_is_recorded(flags: str, *, is_sampled: bool) -> None:
    context = parse_trace_context(f"00-{TRACE}-{SPAN}-{flags}")

    assert context is not None
    assert context.is_sampled is is_sampled


def test_a_later_version_may_have_more_fields() -> None:
    assert parse_trace_context(f"01-{TRACE}-{SPAN}-01-more") is not None


@pytest.mark.parametrize(
    "text",
    [
        None,
        17,
        "",
        "trace-1",
        f"{PARENT}-more",
        f"{PARENT}\n",
        f" {PARENT}",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
    ],
)
def test_a_malformed_context_is_none(text: object) -> None:
    assert parse_trace_context(text) is None


@pytest.mark.parametrize("state", ["a=\x01", "ü", "x" * 513, None])
def test_a_malformed_state_is_left_out(state: object) -> None:
    context = parse_trace_context(PARENT, state)

    assert context is not None
    assert context.state == ""
