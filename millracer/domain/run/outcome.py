"""The outcomes of a run; one exit code belongs to each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from millracer.domain.event_log import Severity


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    BLOCKED = "blocked"
    RESTART_NEEDED = "restart_needed"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CANCELLED = "cancelled"
    FAILED = "failed"


#: How important each end of a run is for a person.
_SEVERITY_OF_OUTCOME: Mapping[Outcome, Severity] = {
    Outcome.COMPLETED: Severity.INFO,
    Outcome.INCOMPLETE: Severity.WARNING,
    Outcome.BLOCKED: Severity.WARNING,
    Outcome.RESTART_NEEDED: Severity.WARNING,
    Outcome.TIMED_OUT: Severity.WARNING,
    Outcome.BUDGET_EXHAUSTED: Severity.WARNING,
    Outcome.CANCELLED: Severity.WARNING,
    Outcome.CRASHED: Severity.ERROR,
    Outcome.FAILED: Severity.ERROR,
}


def severity_of(outcome: Outcome) -> Severity:
    """Return the severity of a run's end."""
    return _SEVERITY_OF_OUTCOME[outcome]
