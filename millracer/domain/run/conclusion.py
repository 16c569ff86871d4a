"""What a watch concludes from one read of the backend: continue, read again, or end.

The table is data: `CONCLUSIONS` lists every observation, and doubtful ones twice. A doubtful
observation ends the watch only when it is repeated: items move between folders, and the backend
creates the next one a moment later. Decided elsewhere: which ending a read shows (`observation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import ENDINGS, RunEvent
from millracer.domain.work.items import ItemState

#: The number of doubtful reads in a row that counts as certain.
PATIENCE = 5


class Observation(StrEnum):
    """What one read showed about the watched item."""

    UNFINISHED = "unfinished"  #: no ending
    SETTLED = "settled"  #: an ending that no later read changes
    PASSING = "passing"  #: an ending that a later read may not show any more
    WITHOUT_DAEMON = "without_daemon"  #: unfinished, and the daemon died
    UNREADABLE = "unreadable"  #: the read failed
    CUT_SHORT = "cut_short"  #: the watch's time limit ended the read


class Conclusion(StrEnum):
    """What the watch does after a read."""

    KEEP_WATCHING = "keep_watching"  #: read again after the next change hint
    READ_AGAIN = "read_again"  #: read again soon, whatever changes
    ENDED = "ended"  #: end with the observed ending
    DAEMON_LOST = "daemon_lost"  #: end, so that the workspace is repaired
    FAILED = "failed"  #: end with the error of the read

    @property
    def ends_watch(self) -> bool:
        """Whether the watch ends."""
        return self not in {Conclusion.KEEP_WATCHING, Conclusion.READ_AGAIN}


# fmt: off
#: By observation, and whether it is certain: seen `PATIENCE` times in a row if it is doubtful.
CONCLUSIONS: Mapping[tuple[Observation, bool], Conclusion] = {
    (Observation.UNFINISHED,     True):  Conclusion.KEEP_WATCHING,
    (Observation.CUT_SHORT,      True):  Conclusion.KEEP_WATCHING,  # the limit is over
    (Observation.SETTLED,        True):  Conclusion.ENDED,
    (Observation.WITHOUT_DAEMON, True):  Conclusion.DAEMON_LOST,
    (Observation.PASSING,        False): Conclusion.READ_AGAIN,
    (Observation.PASSING,        True):  Conclusion.ENDED,
    (Observation.UNREADABLE,     False): Conclusion.READ_AGAIN,
    (Observation.UNREADABLE,     True):  Conclusion.FAILED,
}
# fmt: on
_PASSING = frozenset({Ending.AT_REST, Ending.BLOCKED, Ending.UNKNOWN})


def classify(ending: Ending | None, state: ItemState) -> Observation:
    """Return the observation that a read makes.

    Args:
        ending: what the read shows; None for unfinished work.
        state: the item's own state. Work is blocked for certain only if the item itself is.
    """
    if ending is None:
        return Observation.UNFINISHED
    if ending in ENDINGS[RunEvent.DAEMON_LOST]:
        return Observation.WITHOUT_DAEMON
    is_blocked = ending is Ending.BLOCKED and state is ItemState.BLOCKED
    return Observation.SETTLED if is_blocked or ending not in _PASSING else Observation.PASSING


def conclude(observation: Observation, doubts: int) -> tuple[Conclusion, int]:
    """Return the conclusion, and the number of doubtful reads in a row with this one.

    Args:
        observation: what the read showed.
        doubts: the doubtful reads in a row before it.
    """
    is_doubtful = (observation, False) in CONCLUSIONS
    doubts = doubts + 1 if is_doubtful else 0
    return CONCLUSIONS[observation, not is_doubtful or doubts >= PATIENCE], doubts
