"""Watching the item until it ends, waiting for it is over, or the daemon is gone."""

from __future__ import annotations

from millracer.application.progress import Progress
from millracer.application.record import RunRecord
from millracer.domain.lifecycle import RunEvent
from millracer.domain.observation import (
    Observation,
    Signs,
    interpret,
    interpret_standing,
    is_worth_asking,
    is_worth_asking_status,
)
from millracer.domain.result import Ending
from millracer.domain.work import ItemState, ProgressKind
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout
from millracer.ports import Millrace
from millracer.waiting import Wait

#: Answers in a row that may fail or not know the item (it moves between folders) before we believe
#: it.
_PATIENCE = 5
_LOOK_AGAIN_SECONDS = 0.5
#: A stage's end is logged a moment after it moved the item.
_LAST_EVENTS_SECONDS = 0.1


class Watch:
    """Follows one run's item: woken by signs, decided by what Millrace answers."""

    def __init__(self, record: RunRecord, millrace: Millrace, progress: Progress) -> None:
        self._record = record
        self._millrace = millrace
        self._progress = progress
        self._failures = 0
        self._unknown = 0
        self._paused = False

    def follow(self, wait: Wait) -> RunEvent:
        """Block until the watch ends; the record says how."""
        attendance = self._record.attendance
        if attendance is None:
            raise MillracerError("nobody attends the daemon")
        signs = attendance.next_signs(self._record.known_standing, wait)
        ask_item, ask_status = is_worth_asking(signs, self._record.item_ids), True
        while True:
            self._note(signs)
            event = self._ask(signs, wait, ask_item=ask_item, ask_status=ask_status)
            if event is not None:
                last = wait.within(_LAST_EVENTS_SECONDS)
                self._note(attendance.next_signs(self._record.known_standing, last))
                return event
            if wait.expired:
                return self._time_out()
            ask_again = self._failures > 0 or self._unknown > 0
            if ask_again:
                wait.sleep(_LOOK_AGAIN_SECONDS)
            signs = attendance.next_signs(
                self._record.known_standing,
                wait.within(_LOOK_AGAIN_SECONDS) if ask_again else wait,
            )
            ask_item = ask_again or is_worth_asking(signs, self._record.item_ids)
            ask_status = ask_item or is_worth_asking_status(signs)

    def _note(self, signs: Signs) -> None:
        self._record.stop_seen = self._record.stop_seen or signs.stop_seen
        for event in signs.events:
            self._progress.stage(event)

    def _ask(
        self, signs: Signs, wait: Wait, *, ask_item: bool, ask_status: bool
    ) -> RunEvent | None:
        """Ask Millrace as far as the signs are worth it; return the event if the watch is over."""
        record = self._record
        if not (ask_item or ask_status):
            return None
        try:
            if ask_item:
                found = self._millrace.look_up(record.known_item.item_id, wait)
                if found.state is not ItemState.ABSENT:
                    record.standing = found
                    self._unknown = 0
                else:
                    self._unknown += 1
                    return None if self._unknown < _PATIENCE else self._vanished()
            observation = interpret_standing(record.known_standing)
            if observation is None:
                record.status = self._millrace.read_status(wait)
                observation = interpret(
                    record.known_standing,
                    record.status,
                    daemon_alive=signs.daemon_alive,
                    stop_seen=record.stop_seen,
                )
        except ToolTimeout:
            if wait.expired:
                return None
            raise
        except (ToolFailed, ProtocolError):
            self._failures += 1
            if self._failures >= _PATIENCE:
                raise
            return None
        self._failures = 0
        return self._conclude(observation)

    def _conclude(self, observation: Observation) -> RunEvent | None:
        record, standing = self._record, self._record.known_standing
        match observation:
            case Observation.ENDED:
                record.end(Ending.ITEM_ENDED, "Millrace ended the work item")
            case Observation.BLOCKED:
                record.end(Ending.BLOCKED, "Millrace blocked the work item")
            case Observation.SET_ASIDE | Observation.UNKNOWN:
                said = f": {standing.detail}" if standing.detail else ""
                record.end(
                    Ending.SET_ASIDE,
                    f"Millrace set the work item aside as {standing.state}{said}",
                )
            case Observation.STOPPED:
                record.end(
                    Ending.STOPPED,
                    "somebody stopped Millrace's daemon before the work item was done",
                )
            case Observation.DAEMON_LOST:
                record.lost_while_active = standing.state is ItemState.ACTIVE
                return RunEvent.DAEMON_LOST
            case Observation.PAUSED | Observation.WORKING:
                self._note_pause(paused=observation is Observation.PAUSED)
                return None
        return RunEvent.WATCH_ENDED

    def _note_pause(self, *, paused: bool) -> None:
        if paused and not self._paused:
            self._progress.tell(ProgressKind.PAUSED, self._pause_text())
        self._paused = paused

    def _pause_text(self) -> str:
        status = self._record.status
        by = "" if status is None else f" by {status.pause_sources}"
        return (
            f"Millrace is paused{by}; resume it with "
            f"`millrace control resume --workspace {self._millrace.workspace}`"
        )

    def _vanished(self) -> RunEvent:
        self._record.end(Ending.UNKNOWN, "Millrace no longer knows the work item")
        return RunEvent.WATCH_ENDED

    def _time_out(self) -> RunEvent:
        limit = self._record.request.limits.daemon_timeout_seconds
        reason = f"the work item did not end within {limit:g} s"
        if self._paused:
            reason = f"{reason}: {self._pause_text()}"
        self._record.end(Ending.TIMED_OUT, reason)
        return RunEvent.WATCH_ENDED
