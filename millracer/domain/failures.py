"""The exit codes of failures and cancellations."""

from __future__ import annotations

from typing import Final

from millracer.cancellation import CancelReason
from millracer.errors import INTERNAL_ERROR, ExitCode, MillracerError

#: Work without proof of completion was to be certified.
NOT_COMPLETED: Final = "not_completed"

_USAGE_CODES = frozenset(
    {
        "usage",
        "config_invalid",
        "invalid_request",
        "state_conflict",
        "idempotency_conflict",
        "mode_conflict",
        "stage_model_conflict",
        "daemon_in_use",
        "key_unusable",
        "secret_in_task",
        "fleet_not_configured",
        "fleet_host_held",
        "fleet_workspace_held",
    }
)


class CallerCancelled(MillracerError):
    """The caller stopped a command; result documents list this as an error."""

    code = "cancelled"

    def __init__(
        self, reason: CancelReason, suggested_action: str = "run the same command again"
    ) -> None:
        super().__init__(f"cancelled ({reason})", suggested_action=suggested_action)
        self.reason = reason


def exit_code_of_failure(error: MillracerError) -> ExitCode:
    """Return the exit code of a command that failed or was cancelled."""
    if isinstance(error, CallerCancelled):
        return exit_code_of_cancel(error.reason)
    return exit_code_of_error(error.code)


def exit_code_of_cancel(reason: CancelReason | None) -> ExitCode:
    """Return the exit code of a command that its caller cancelled."""
    terminated = reason is CancelReason.TERMINATED
    return ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED


def exit_code_of_error(code: str) -> ExitCode:
    """Return the exit code for an error code of Millracer."""
    if code == INTERNAL_ERROR:
        return ExitCode.INTERNAL_ERROR
    if code == NOT_COMPLETED:
        return ExitCode.INCOMPLETE
    return ExitCode.USAGE if code in _USAGE_CODES else ExitCode.FAILED
