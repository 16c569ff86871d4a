"""Derive the spans of an attempt from the events of its log; pure.

All ids come from the log: that of an attempt from its `traceparent`, every other from the log's
epoch and the event's number. So all exporters of a log export the same spans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from millracer.domain.event_log import EventType, LogEvent
from millracer.domain.run.outcome import Outcome
from millracer.domain.trace_context import TraceContext, parse_trace_context
from millracer.ports import AttemptEnd

Value = str | bool | int

_STAGES = frozenset({EventType.STAGE_STARTED, EventType.STAGE_ENDED})
_LOST = "the process of the attempt ended before its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span, independent of a library.

    Attributes:
        parent_id: 16 hexadecimal digits; None for the root of a trace.
        failure: why its work failed; None if it did not.
        links: related spans of other traces.
    """

    name: str
    context: TraceContext
    parent_id: str | None
    start: datetime
    end: datetime
    attributes: Mapping[str, Value]
    failure: str | None = None
    links: tuple[TraceContext, ...] = ()


@dataclass(slots=True)
class _Attempt:
    """The events of one attempt."""

    number: int
    events: list[LogEvent] = field(default_factory=list)

    def first(self, kind: EventType) -> LogEvent | None:
        return next((each for each in self.events if each.type == kind), None)

    @property
    def own(self) -> list[LogEvent]:
        """The events of the run itself; stages keep Millrace's time."""
        return [
            each
            for each in self.events
            if each.type not in _STAGES and each.type != EventType.ATTEMPT_LOST
        ]

    @property
    def start(self) -> datetime:
        return min(each.at for each in self.own or self.events)

    @property
    def end(self) -> datetime:
        ended = self.first(EventType.ATTEMPT_ENDED)
        return max(each.at for each in self.own or self.events) if ended is None else ended.at


def spans_of(end: AttemptEnd) -> list[SpanRecord]:
    """Return the spans of an attempt, and of the lost attempts before it.

    A lost attempt has not exported its spans: its process was killed.
    """
    events = end.events()
    attempts = _with_lost(_attempts_in(events))
    begun = {_stage_key(each): each for each in events if each.type == EventType.STAGE_STARTED}
    ended = {_stage_key(each) for each in events if each.type == EventType.STAGE_ENDED}
    spans: list[SpanRecord] = []
    lost: list[TraceContext] = []
    for attempt in attempts:
        is_last = attempt is attempts[-1]
        root = _root(attempt, end, links=tuple(lost), is_last=is_last)
        lost.append(root.context)
        spans.append(root)
        spans += _states(attempt, root)
        spans += _stages(attempt, root, begun, ended)
    return spans


def _attempts_in(events: Iterable[LogEvent]) -> list[_Attempt]:
    attempts: list[_Attempt] = []
    for event in events:
        number = event.payload.get("attempt")
        if not isinstance(number, int) or number < 1:
            continue
        if not attempts or attempts[-1].number != number:
            attempts.append(_Attempt(number))
        attempts[-1].events.append(event)
    return attempts


def _with_lost(attempts: Sequence[_Attempt]) -> list[_Attempt]:
    """Return the last attempt, after those before it that did not end."""
    first = len(attempts) - 1
    while first > 0 and attempts[first - 1].first(EventType.ATTEMPT_ENDED) is None:
        first -= 1
    return list(attempts[max(first, 0) :])


def _root(
    attempt: _Attempt, end: AttemptEnd, *, links: tuple[TraceContext, ...], is_last: bool
) -> SpanRecord:
    started = attempt.first(EventType.ATTEMPT_STARTED)
    noted = {} if started is None else started.payload
    context = end.span if is_last else parse_trace_context(noted.get("traceparent"))
    parent = noted.get("parent_span_id")
    if is_last:
        parent = None if end.parent is None else end.parent.span_id
    if context is None:
        context = _derived(started or attempt.events[0])
    ended = attempt.first(EventType.ATTEMPT_ENDED)
    attributes: dict[str, Value] = {"millracer.attempt": attempt.number}
    if end.work_item_id is not None:
        attributes["millracer.work_item.id"] = end.work_item_id
    if ended is not None:
        attributes["millracer.outcome"] = str(ended.payload.get("outcome"))
        attributes["millracer.scoped_completion"] = ended.payload.get("scoped_completion") is True
    return SpanRecord(
        name="millracer.run",
        context=context,
        parent_id=parent if isinstance(parent, str) else None,
        start=attempt.start,
        end=attempt.end,
        attributes=attributes,
        failure=_failure_of(ended),
        links=links,
    )


def _failure_of(ended: LogEvent | None) -> str | None:
    if ended is None:
        return _LOST
    outcome = str(ended.payload.get("outcome"))
    return None if outcome == Outcome.COMPLETED else outcome


def _states(attempt: _Attempt, root: SpanRecord) -> list[SpanRecord]:
    entered = [each for each in attempt.events if each.type == EventType.STATE_ENTERED]
    ends = [*(each.at for each in entered[1:]), root.end]
    return [
        SpanRecord(
            name=f"state {event.payload.get('state')}",
            context=_child(event, root),
            parent_id=root.context.span_id,
            start=event.at,
            end=max(event.at, until),
            attributes={"millracer.state": str(event.payload.get("state"))},
        )
        for event, until in zip(entered, ends, strict=False)  # without states, an end is left over
    ]


def _stages(
    attempt: _Attempt,
    root: SpanRecord,
    begun: Mapping[tuple[object, ...], LogEvent],
    ended: set[tuple[object, ...]],
) -> list[SpanRecord]:
    """Return a span for each stage that ended in the attempt, or had not ended at its end."""
    spans = []
    for event in attempt.events:
        key = _stage_key(event)
        is_end = event.type == EventType.STAGE_ENDED
        if not is_end and (event.type != EventType.STAGE_STARTED or key in ended):
            continue
        start = begun.get(key, event).at
        failed = event.payload.get("failure_class")
        spans.append(
            SpanRecord(
                name=f"stage {event.payload.get('stage')}",
                context=_child(event, root),
                parent_id=root.context.span_id,
                start=start,
                end=max(start, event.at if is_end else root.end),
                attributes=_stage_attributes(event),
                failure=None if failed is None else str(failed),
            )
        )
    return spans


def _stage_attributes(event: LogEvent) -> dict[str, Value]:
    names = {
        "millracer.work_item.id": "item_id",
        "millrace.run.id": "run_id",
        "millrace.stage": "stage",
        "millrace.plane": "plane",
        "millrace.terminal_result": "terminal_result",
        "millrace.failure_class": "failure_class",
    }
    values = {name: event.payload.get(key) for name, key in names.items()}
    return {name: str(value) for name, value in values.items() if value is not None}


def _stage_key(event: LogEvent) -> tuple[object, ...]:
    return tuple(event.payload.get(name) for name in ("item_id", "run_id", "plane", "stage"))


def _child(event: LogEvent, root: SpanRecord) -> TraceContext:
    return TraceContext(
        trace_id=root.context.trace_id, span_id=_span_id(event), state=root.context.state
    )


def _derived(event: LogEvent) -> TraceContext:
    """Return the context of an attempt whose log has none."""
    return TraceContext(trace_id=_hex(event.cursor.epoch, 16), span_id=_span_id(event))


def _span_id(event: LogEvent) -> str:
    return _hex(str(event.cursor), 8)


def _hex(text: str, size: int) -> str:
    return hashlib.sha256(text.encode()).digest()[:size].hex()
