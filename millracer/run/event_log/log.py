"""Write the event log of a run's item, or follow its writer and take over when it ends.

One process writes an item's log at a time. Every other run of the item is a follower: it watches
the item itself, reads the log, and becomes the writer if the writer ends while the item is live.
The log decides nothing. A log that cannot be written becomes the warning `events_not_stored`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace

from millracer.cancellation import Cancelled
from millracer.domain.event_log import Event, EventType, LogEvent
from millracer.domain.run.evidence import run_of, subject_of
from millracer.domain.run.outcome import severity_of
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.work.runtime import JsonObject
from millracer.errors import RunWarning
from millracer.ports import Backend, Clock, EventLogs
from millracer.ports.event_log import LogListener, LogRole, LogWriter
from millracer.run.context import RunContext
from millracer.run.event_log.events import (
    enqueued_event,
    event_of,
    moved_event,
    spawned_event,
    stage_event,
)
from millracer.run.event_log.follower import SHARED_OUTCOMES, WRITER_ENDS_SECONDS, Follower
from millracer.schemas.run.result import is_run_result

#: Renders the document of a result, as its attempt stores it.
RenderResult = Callable[[RunResult], str]


class RunEvents:
    """The event log of one run.

    Args:
        logs: the logs of the workspace.
        millrace: the workspace's backend.
        clock: the time of the run's own events.
        render: returns the document of a result.
        record: the run.
        opened: called once the log is open.
    """

    def __init__(  # noqa: PLR0913 - the ports and the listener
        self,
        *,
        logs: EventLogs,
        millrace: Backend,
        clock: Clock,
        render: RenderResult,
        record: RunContext,
        opened: LogListener | None = None,
    ) -> None:
        self._opened = opened
        self._logs = logs
        self._millrace = millrace
        self._clock = clock
        self._render = render
        self._record = record
        self._lock = threading.RLock()
        self._pending: list[Event] = []
        self._writer: LogWriter | None = None
        self._follower: Follower | None = None
        self._is_open = False
        self._has_given_up = False
        self._attempt = 0
        self._warned = 0
        self._item_state: object = None
        self._ended: LogEvent | None = None

    @property
    def is_own(self) -> bool:
        """Whether no other process reports the end of this run's attempt.

        That is so for the writer of the log, and for a run without one, such as a direct task. It
        is not for a follower, an observer, or a run of an item that had ended before.
        """
        record = self._record
        if self._ended is not None:
            return True
        if record.request.observe or record.found_ended:
            return False
        return self._has_given_up or (not self._is_open and record.request.resume is None)

    @property
    def ended(self) -> LogEvent | None:
        """The `attempt.ended` that this run wrote; None if it wrote none."""
        return self._ended

    def stored(self) -> tuple[LogEvent, ...]:
        """Return the events in the item's log; empty if it cannot be read."""
        try:
            with closing(self._logs.read(self._record.known_item.item_id)) as reader:
                return reader.read().events
        except OSError:
            return ()

    # --- what happens in the run ----------------------------------------------------------------

    def open(self) -> None:
        """Become the writer of the item's log, or its follower; call it once the item is known."""
        with self._lock:
            if self._is_open:
                return
            if self._record.request.observe:
                self.observe()
                return
            self._is_open = True
            item_id = self._record.known_item.item_id
            try:
                self._begin(self._logs.write(item_id))
            except OSError as error:
                self._give_up(error)
                return
            if self._has_given_up:
                return
            role = LogRole.WRITER if self._writer is not None else self._follow(item_id)
            if self._opened is not None:
                self._opened(self._logs, item_id, role)

    def observe(self) -> None:
        """Read the log for an observer, or of an item that ended before this run.

        The latter is written if its last attempt has not ended, because its process was killed, or
        if stages ran while no process wrote; they are added.
        """
        with self._lock:
            self._is_open = True
            self._pending.clear()
            item_id = self._record.known_item.item_id
            try:
                role = self._complete(item_id)
            except OSError as error:
                self._give_up(error)
                return
            if self._opened is not None and not self._has_given_up:
                self._opened(self._logs, item_id, role)

    def _complete(self, item_id: str) -> LogRole:
        if self._record.request.observe:
            return LogRole.OBSERVER
        with closing(self._logs.read(item_id)) as reader:
            if reader.head is None:
                return LogRole.OBSERVER
        writer = self._logs.write(item_id)
        if writer is None:
            return self._follow(item_id)
        if not (writer.state.is_attempt_open or self._lacks_stages(writer)):
            writer.close()
            return LogRole.OBSERVER
        self._begin(writer)
        return LogRole.WRITER

    def _follow(self, item_id: str) -> LogRole:
        self._pending.clear()
        self._follower = Follower(self._logs, item_id, self._take_over)
        self._follower.start()
        return LogRole.FOLLOWER

    def append(self, event: Event) -> None:
        """Log an event of the run; a stage or a derived item once, a state of the item if new."""
        with self._lock:
            if event.type == EventType.ITEM_MOVED:
                before, self._item_state = self._item_state, event.payload.get("item_state")
                if self._item_state == before:
                    return
            self._append(event)

    def end(self, result: RunResult) -> RunResult:
        """Log the end of the attempt with its result, and release the log.

        A follower whose result agrees with that of the writer returns the writer's document, so
        that all runs of the item print the same one. A run with checks of its own keeps its result.
        """
        follower = self._follower
        if follower is not None:
            if result.outcome in SHARED_OUTCOMES and result.verification is None:
                result = self._attached(result, follower)
            follower.stop()
        with self._lock:
            result = self._end(result)
        self.close()
        return result

    def close(self) -> None:
        """Release the log; repeatable. Without `end`, the next writer reports a lost attempt."""
        if self._follower is not None:
            self._follower.stop()
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    # --- the writer -----------------------------------------------------------------------------

    @property
    def _is_writer(self) -> bool:
        with self._lock:
            return self._writer is not None

    def _begin(self, writer: LogWriter | None) -> None:
        """Start an attempt as the writer; None leaves this run a follower."""
        if writer is None:
            return
        self._writer = writer
        state = writer.state
        if state.is_attempt_open:
            self._attempt = state.attempts
            self._write(
                self._own(EventType.ATTEMPT_LOST, "the process of the attempt ended before its end")
            )
        self._attempt = state.attempts + 1
        trace = self._record.trace
        payload: dict[str, object] = {
            "pid": os.getpid(),
            "request_id": self._record.request.request_id,
            "resumed": self._record.found,
        }
        if trace.span is not None:
            payload["traceparent"] = str(trace.span)
            payload["parent_span_id"] = None if trace.parent is None else trace.parent.span_id
        text = f"attempt {self._attempt} started"
        self._write(self._own(EventType.ATTEMPT_STARTED, text, payload))
        pending, self._pending = self._pending, []
        for event in pending:
            self._append(event)
        if self._writer is None:
            return
        try:
            self._item_state = writer.read_item_state()
        except OSError as error:
            self._give_up(error)
            return
        if state.last:
            self._catch_up()
        self._add_lineage()

    def _take_over(self) -> bool:
        """Become the writer if no process is; return whether this run is the writer now."""
        with self._lock:
            try:
                self._begin(self._logs.write(self._record.known_item.item_id))
            except OSError as error:
                self._give_up(error)
                return True
            if self._writer is None:
                return self._has_given_up
            self._append(
                self._own(EventType.STATE_ENTERED, "taken over", {"state": str(self._record.state)})
            )
            return True

    def _lacks_stages(self, writer: LogWriter) -> bool:
        """Whether stages ran while no process wrote."""
        events = self._millrace.stage_events(self._record.item_ids)
        return any(not writer.has_key(event.key) for event in events)

    def _catch_up(self) -> None:
        """Log the stages that ran while no process wrote."""
        for event in self._millrace.stage_events(self._record.item_ids):
            self._append(stage_event(event))

    def _add_lineage(self) -> None:
        """Log the state of the item and its descendants, as this run knows them."""
        record, now = self._record, self._clock.now()
        if record.item_status is not None:
            self.append(moved_event(record.item_status, now))
        for member in record.lineage:
            if member.parent_id is not None:
                self.append(spawned_event(member, now))

    def _end(self, result: RunResult) -> RunResult:
        if self._writer is None:
            return self._with_warnings(result)
        self._catch_up()
        self._log_warnings()
        with suppress(OSError):
            payload = {
                "outcome": str(result.outcome),
                "scoped_completion": result.scoped_completion,
                "exit_code": int(exit_code_of(result)),
                "result_sha256": self._writer.write_result(self._attempt, self._render(result)),
            }
            text = f"the attempt ended: {result.outcome}"
            event = self._own(EventType.ATTEMPT_ENDED, text, payload)
            self._ended = self._append(replace(event, severity=severity_of(result.outcome)))
        self._has_given_up = self._ended is None
        return self._with_warnings(result)

    def _with_warnings(self, result: RunResult) -> RunResult:
        """Add the warnings of the log that came after the result."""
        known = set(result.warnings)
        late = [each for each in self._record.warnings if each not in known]
        return replace(result, warnings=(*result.warnings, *late)) if late else result

    # --- the follower ---------------------------------------------------------------------------

    def _attached(self, result: RunResult, follower: Follower) -> RunResult:
        """Return the result with the writer's document, if it ends and both agree."""
        ended = None
        with suppress(Cancelled):
            ended = follower.await_end(self._record.wait.cleaning_up(WRITER_ENDS_SECONDS))
        if ended is None or self._is_writer:
            return result
        payload = ended.payload
        agrees = (
            payload.get("outcome") == result.outcome
            and payload.get("scoped_completion") is result.scoped_completion
            and payload.get("exit_code") == exit_code_of(result)
        )
        document = self._document(payload) if agrees else None
        if document is None or not _is_about(document, result):
            warning = RunWarning(
                "log_disagrees",
                "the event log reports another end of this work item than Millrace; "
                "this result is Millrace's",
            )
            return replace(result, warnings=(*result.warnings, warning))
        return replace(result, attached=document)

    def _document(self, payload: Mapping[str, object]) -> JsonObject | None:
        attempt, digest = payload.get("attempt"), payload.get("result_sha256")
        if not isinstance(attempt, int) or not isinstance(digest, str):
            return None
        document = self._logs.result(self._record.known_item.item_id, attempt, digest)
        return document if document is not None and is_run_result(document) else None

    # --- appending ------------------------------------------------------------------------------

    def _own(
        self, kind: EventType, message: str, payload: Mapping[str, object] | None = None
    ) -> Event:
        """Return an event of the log itself, which happens now."""
        return event_of(kind, message, payload or {}, self._clock.now())

    def _append(self, event: Event) -> LogEvent | None:
        """Write an event once the log is open, and return it; None if it is not written now."""
        with self._lock:
            if not self._is_open:
                self._pending.append(event)
                return None
            self._log_warnings()
            return self._write(event)

    def _log_warnings(self) -> None:
        if self._writer is None:
            return
        warnings = self._record.warnings[self._warned :]
        self._warned += len(warnings)
        for warning in warnings:
            self._write(self._own(EventType.WARNING, warning.text, {"code": warning.code}))

    def _write(self, event: Event) -> LogEvent | None:
        """Write an event and return it; None if it was not written."""
        if self._writer is None:
            return None
        payload = {"attempt": self._attempt, **event.payload}
        try:
            return self._writer.append(replace(event, payload=payload))
        except OSError as error:
            self._give_up(error)
            return None

    def _give_up(self, error: OSError) -> None:
        """Continue without a log, and warn once."""
        self._has_given_up = True
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._pending.clear()
        _warn_not_stored(self._record, error)
        if self._opened is not None and self._record.item is not None:
            self._opened(self._logs, self._record.item.item_id, None)


def log_submission(logs: EventLogs, record: RunContext, clock: Clock) -> None:
    """Log that a submission brought the item to Millrace; skipped while another process writes.

    A log that cannot be written becomes a warning.
    """
    try:
        writer = logs.write(record.known_item.item_id)
        if writer is not None:
            with closing(writer):
                event = enqueued_event(record, clock.now())
                writer.append(replace(event, payload={"attempt": 0, **event.payload}))
    except OSError as error:
        _warn_not_stored(record, error)


def _warn_not_stored(record: RunContext, error: OSError) -> None:
    reason = error.strerror or str(error)
    record.warn("events_not_stored", f"the event log of the work item cannot be written: {reason}")


def _is_about(document: JsonObject, result: RunResult) -> bool:
    """Whether a stored document reports this result: the same item, end and proof."""
    evidence = document.get("completion_evidence")
    if not isinstance(evidence, list) or not all(isinstance(each, dict) for each in evidence):
        return False
    proof = {(subject_of(fact), run_of(fact)) for fact in result.proof}
    return (
        document.get("work_item_id") == result.work_item_id
        and document.get("outcome") == result.outcome
        and document.get("scoped_completion") is result.scoped_completion
        and {(each.get("work_item_id"), each.get("run_id")) for each in evidence}
        == (proof if result.scoped_completion else set())
    )
