"""The result of a submission, and its next steps."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.cancellation import CancelReason
from millracer.domain.commands import Commands
from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.requests import IntakeKind, RunRequest
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import ExitCode, RunWarning


def exit_code_of_state(state: ItemState | None) -> ExitCode:
    """Return the exit code for the state of a submitted item; None: Millrace does not hold it."""
    if state is ItemState.BLOCKED:
        return ExitCode.BLOCKED
    is_aside = state is None or state.is_set_aside
    return ExitCode.INCOMPLETE if is_aside else ExitCode.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The result of submitting one request to the queue.

    Attributes:
        item_id: None where the item had no id yet.
        item_status: the item's status; None where it is unknown.
        found: the item was in Millrace already.
        daemon: the running daemon, None without one.
        cancel_reason: why the caller asked to stop, None if it did not.
    """

    workspace: str
    commands: Commands
    request: RunRequest
    item_id: str | None = None
    item_status: ItemStatus | None = None
    found: bool = False
    intake_kind: IntakeKind | None = None
    intake_signals: tuple[str, ...] = ()
    task_path: str | None = None
    daemon: RunningDaemon | None = None
    version: str | None = None
    warnings: tuple[RunWarning, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()
    cancel_reason: CancelReason | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code; an item that Millrace holds but will not work on is not a success."""
        if self.cancel_reason is not None:
            return exit_code_of_cancel(self.cancel_reason)
        if self.errors:
            return exit_code_of_error(self.errors[0].code)
        return exit_code_of_state(None if self.item_status is None else self.item_status.state)

    def next_steps(self, *, watch: str, cancel: str) -> tuple[NextStep, ...]:
        """Return the commands that continue with the item.

        Args:
            watch: the command that attaches to it.
            cancel: the command that takes it out of the queue.
        """
        item_status = self.item_status
        if item_status is None:
            return ()
        if item_status.state is ItemState.BLOCKED:
            retry = self.commands.millracer("retry", item_status.millrace_id or item_status.item_id)
            return (NextStep("retry", retry), NextStep("cancel", cancel))
        if item_status.state.is_live:
            return (NextStep("watch", watch), NextStep("cancel", cancel))
        return (NextStep("watch", watch),) if item_status.state is ItemState.DONE else ()
