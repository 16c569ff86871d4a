"""Why a run's lifecycle stopped, and what each ending allows afterwards."""

from __future__ import annotations

from enum import StrEnum


class Ending(StrEnum):
    """Why the steps of a run ended, before the evidence is judged."""

    ANSWERED = "answered"  #: pi did the task itself
    ITEM_ENDED = "item_ended"
    BLOCKED = "blocked"
    SET_ASIDE = "set_aside"
    AT_REST = "at_rest"  #: no member of the lineage is live, without proof
    STUCK = "stuck"  #: the same again and again, or waiting for what cannot come
    UNKNOWN = "unknown"  #: Millrace does not know the item (any more)
    BUDGET_EXHAUSTED = "budget_exhausted"  #: no further stage may begin
    STOPPED = "stopped"  #: the daemon was stopped on request
    CRASHED = "crashed"  #: the daemon died too often, the item active
    RESTART_NEEDED = "restart_needed"  #: the daemon died too often, the item queued
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def item_may_move(self) -> bool:
        """Whether the item may have moved since the last lookup.

        Stopping a daemon puts its active item back into the queue, and an item that a run stopped
        watching may end meanwhile.
        """
        return self in _ITEM_MAY_MOVE

    @property
    def allows_report(self) -> bool:
        """Whether pi may be asked to report.

        Not after a cancellation, a failure, or with a spent budget.
        """
        return self not in _NO_REPORT


_ITEM_MAY_MOVE = frozenset(
    {
        Ending.TIMED_OUT,
        Ending.BUDGET_EXHAUSTED,
        Ending.CANCELLED,
        Ending.CRASHED,
        Ending.RESTART_NEEDED,
        Ending.STOPPED,
        Ending.STUCK,
        Ending.FAILED,
    }
)
_NO_REPORT = frozenset({Ending.CANCELLED, Ending.FAILED, Ending.BUDGET_EXHAUSTED})
