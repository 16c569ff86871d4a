"""How items of the fleet ended: their exit codes, as of a run, and the causes of failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.fleet.items import FleetItem, FleetItemState
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import EXIT_CODES
from millracer.errors import ExitCode

#: The exit codes of several items, the worst first.
_WORST_FIRST: Final[Sequence[ExitCode]] = (
    ExitCode.INTERNAL_ERROR,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.CRASHED,
    ExitCode.RESTART_NEEDED,
    ExitCode.BLOCKED,
    ExitCode.BUDGET_EXHAUSTED,
    ExitCode.TIMED_OUT,
    ExitCode.INCOMPLETE,
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.COMPLETED,
)


def exit_code_of_item(item: FleetItem, result: Mapping[str, Any] | None = None) -> ExitCode:
    """Return the exit code of an item: 0 while it is open, then that of its outcome.

    Args:
        item: the item; it counts as completed only if the completion gate said so.
        result: its result document, for the code of a failure.
    """
    if item.state is not FleetItemState.ENDED:
        return ExitCode.COMPLETED
    outcome = next((each for each in Outcome if each == item.outcome), Outcome.FAILED)
    if outcome is Outcome.COMPLETED:
        return ExitCode.COMPLETED if item.completed else ExitCode.INCOMPLETE
    if outcome is Outcome.CANCELLED:
        return exit_code_of_cancel(None)
    if outcome is Outcome.FAILED:
        return exit_code_of_error(_of_first_error(result, "code"))
    return EXIT_CODES[outcome]


def worst_of(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the worst exit code of several items; 0 for none."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.COMPLETED)


def cause_of_end(result: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the error with which a run failed, and what its host suggests; "" without one."""
    return _of_first_error(result, "message"), _of_first_error(result, "suggested_action")


def _of_first_error(result: Mapping[str, Any] | None, field: str) -> str:
    errors = (result or {}).get("errors") or ()
    first = errors[0] if errors else {}
    return str(first.get(field) or "") if isinstance(first, Mapping) else ""
