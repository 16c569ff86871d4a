"""Outcomes of control commands: cancel or retry an item, pause, resume, start, stop.

`done` means the effect was observed, not merely requested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from millracer.cancellation import CancelReason
from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode, RunWarning


class ControlCommand(StrEnum):
    """A control command."""

    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    START = "start"
    STOP = "stop"


class ControlOutcome(StrEnum):
    """The outcome of a control command."""

    DONE = "done"  #: the effect was observed
    ALREADY = "already"  #: nothing had to change
    TOO_LATE = "too_late"  #: the item had already ended in another state
    NOT_POSSIBLE = "not_possible"  #: Millrace does not do this in the current state
    NOT_CONFIRMED = "not_confirmed"  #: requested, but the effect was not observed in time
    FAILED = "failed"

    @property
    def is_success(self) -> bool:
        """Whether the requested effect was observed."""
        return CONTROL_EXIT_CODES.get(self) is ExitCode.COMPLETED


#: The exit codes of the outcomes of control commands; a failure has that of its error.
CONTROL_EXIT_CODES: Mapping[ControlOutcome, ExitCode] = {
    ControlOutcome.DONE: ExitCode.COMPLETED,
    ControlOutcome.ALREADY: ExitCode.COMPLETED,
    ControlOutcome.TOO_LATE: ExitCode.INCOMPLETE,
    ControlOutcome.NOT_POSSIBLE: ExitCode.BLOCKED,
    ControlOutcome.NOT_CONFIRMED: ExitCode.TIMED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReport:
    """The result of one control command.

    Attributes:
        message: one line for a human reader.
        item_id: the item that the command was about.
        state: where that item is now.
        cancel_reason: why the caller stopped the command before the outcome was known.
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
        """The exit code of this report."""
        if self.cancel_reason is not None:
            return exit_code_of_cancel(self.cancel_reason)
        if self.errors:
            return exit_code_of_error(self.errors[0].code)
        return CONTROL_EXIT_CODES[self.outcome]
