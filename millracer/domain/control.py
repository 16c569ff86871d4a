"""What came of asking Millrace to cancel an item, to pause, to go on or to stop.

A word of ours for each end there can be; what Millrace was asked is never told as done before it
was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from millracer.cancellation import CancelReason
from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.items import ItemState
from millracer.domain.result import ErrorRecord, NextStep
from millracer.errors import ExitCode, RunWarning


class ControlCommand(StrEnum):
    """What was asked for."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class ControlOutcome(StrEnum):
    """What is, now that it was asked for."""

    DONE = "done"  #: as was asked for, and it was seen
    ALREADY = "already"  #: it was so before
    TOO_LATE = "too_late"  #: the item has ended otherwise
    NOT_POSSIBLE = "not_possible"  #: Millrace does not do this as things are
    NOT_CONFIRMED = "not_confirmed"  #: it was asked for, and could not be seen in time
    FAILED = "failed"


_EXIT_CODES = {
    ControlOutcome.DONE: ExitCode.COMPLETED,
    ControlOutcome.ALREADY: ExitCode.COMPLETED,
    ControlOutcome.TOO_LATE: ExitCode.INCOMPLETE,
    ControlOutcome.NOT_POSSIBLE: ExitCode.BLOCKED,
    ControlOutcome.NOT_CONFIRMED: ExitCode.TIMED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReport:
    """What became of one command.

    Attributes:
        message: one line for a person.
        item_id: of the item it was about.
        state: where that item is now.
        cancel_reason: the caller asked to stop before it was known.
    """

    command: ControlCommand
    outcome: ControlOutcome
    message: str
    workspace: str
    item_id: str | None = None
    state: ItemState | None = None
    version: str | None = None
    warnings: tuple[RunWarning, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    cancel_reason: CancelReason | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that tells it."""
        if self.cancel_reason is not None:
            return exit_code_of_cancel(self.cancel_reason)
        if self.errors:
            return exit_code_of_error(self.errors[0].code)
        return _EXIT_CODES[self.outcome]
