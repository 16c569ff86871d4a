"""Report the end of an attempt to its listeners, after the result is final and the log released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial

from millracer.cancellation import Wait
from millracer.domain.event_log import Cursor, EventType, LogEvent, Severity
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.logs import with_log_ids
from millracer.ports import AttemptEnd, AttemptEndListener, Clock
from millracer.run.context import RunContext
from millracer.run.event_log.log import RunEvents

#: For all listeners together; the result waits for them.
LIMIT_SECONDS = 10.0


def report_end(  # noqa: PLR0913 - the ports
    record: RunContext,
    result: RunResult,
    *,
    events: RunEvents | None,
    listeners: Sequence[AttemptEndListener],
    render: Callable[[RunResult], str],
    clock: Clock,
    unique: Callable[[], str],
) -> RunResult:
    """Report the end to all listeners at the same time; return the result with their warnings.

    Nothing is reported of an attempt that another process reports.
    """
    if not listeners or not _is_own(record, events):
        return result
    ended = None if events is None else events.ended
    message_id = unique() if ended is None else str(ended.cursor)
    end = AttemptEnd(
        message_id=message_id,
        cursor=None if ended is None else ended.cursor,
        at=clock.now(),
        request_id=record.request.request_id,
        work_item_id=result.work_item_id,
        outcome=result.outcome,
        document=render(result),
        span=record.trace.span,
        parent=record.trace.parent,
        events=partial(_unstored, record, result, message_id, clock)
        if events is None or ended is None
        else events.stored,
    )
    wait = _limit(record)
    with ThreadPoolExecutor(len(listeners), "attempt end") as beside:
        reports = [
            beside.submit(with_log_ids(partial(each.attempt_ended, end, wait)))
            for each in listeners
        ]
        late = [warning for report in reports for warning in report.result()]
    return replace(result, warnings=(*result.warnings, *late))


def _is_own(record: RunContext, events: RunEvents | None) -> bool:
    if events is not None:
        return events.is_own
    request = record.request
    return not (request.observe or record.found_ended) and request.resume is None


def _limit(record: RunContext) -> Wait:
    """Return the wait of the listeners, which the caller's next stop request ends."""
    if record.cancellation.reason is None:
        return record.wait.within(LIMIT_SECONDS)
    return record.wait.cleaning_up(LIMIT_SECONDS)


def _unstored(
    record: RunContext, result: RunResult, epoch: str, clock: Clock
) -> tuple[LogEvent, ...]:
    """Return the events of a run without a log, as its log would have them."""
    steps = [each for each in record.progress if each.type == EventType.STATE_ENTERED]
    begun = steps[0].at if steps else clock.now()
    end: dict[str, object] = {
        "outcome": str(result.outcome),
        "scoped_completion": result.scoped_completion,
    }
    happened: list[tuple[EventType, datetime, dict[str, object]]]
    happened = [(EventType.ATTEMPT_STARTED, begun, {})]
    happened += [(EventType.STATE_ENTERED, each.at, {"state": str(each.state)}) for each in steps]
    end["exit_code"] = int(exit_code_of(result))
    happened.append((EventType.ATTEMPT_ENDED, clock.now(), end))
    return tuple(
        LogEvent(
            cursor=Cursor(epoch, number),
            type=kind,
            at=at,
            message=str(kind),
            severity=Severity.INFO,
            payload={"attempt": 1, **payload},
        )
        for number, (kind, at, payload) in enumerate(happened, start=1)
    )
