"""The W3C trace context: which span of which trace is the parent of a piece of work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PARENT_VARIABLE = "TRACEPARENT"
STATE_VARIABLE = "TRACESTATE"
#: Both variables.
TRACE_VARIABLES = (PARENT_VARIABLE, STATE_VARIABLE)

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?")
_STATE = re.compile(r"[ -~]{0,512}")
_FIRST_VERSION, _INVALID_VERSION = "00", "ff"
_SAMPLED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """One span and its trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        is_sampled: whether the trace is recorded.
        state: the vendors' own values, as `TRACESTATE` has them.
    """

    trace_id: str
    span_id: str
    is_sampled: bool = True
    state: str = ""

    def __str__(self) -> str:
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that make this span the parent of a program."""
        state = {STATE_VARIABLE: self.state} if self.state else {}
        return {PARENT_VARIABLE: str(self), **state}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrace:
    """The span of one run and its parent.

    Attributes:
        span: the run's own span; None if it is not traced.
        parent: the caller's span; None without one.
    """

    span: TraceContext | None = None
    parent: TraceContext | None = None


NOT_TRACED = RunTrace()


def parse_trace_context(parent: object, state: object = "") -> TraceContext | None:
    """Return the context in a `traceparent` text; None if it is missing or malformed.

    Args:
        parent: such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
        state: the `tracestate` beside it; a malformed one is left out.
    """
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    is_longer = version == _FIRST_VERSION and more is not None
    if version == _INVALID_VERSION or is_longer or not int(trace_id, 16) or not int(span_id, 16):
        return None
    is_usable = isinstance(state, str) and _STATE.fullmatch(state) is not None
    return TraceContext(
        trace_id=trace_id,
        span_id=span_id,
        is_sampled=bool(int(flags, 16) & _SAMPLED),
        state=str(state) if is_usable else "",
    )


def context_in(environment: Mapping[str, str]) -> TraceContext | None:
    """Return the context that a program inherits; None if it is missing or malformed."""
    return parse_trace_context(
        environment.get(PARENT_VARIABLE), environment.get(STATE_VARIABLE, "")
    )
