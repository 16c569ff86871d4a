"""Where the outside may answer in several ways: the words for them, and who chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

from millracer.cancellation import Cancellation


class Answer(StrEnum):
    """How a call goes. One that `did` its effect may still report it in another way."""

    DONE = "done"
    REFUSED = "refused"
    GARBLED = "garbled"
    SLOW = "slow"
    LATE = "late"  #: slow, and every time limit of the run is over
    DIES = "dies"  #: Millracer is killed before it
    DID_BUT_GARBLED = "did_but_garbled"
    DID_BUT_SLOW = "did_but_slow"
    DID_BUT_STOPPED = "did_but_stopped"  #: the caller asked to stop meanwhile
    DID_BUT_DIES = "did_but_dies"  #: Millracer is killed after it
    DAEMON_DIED = "daemon_died"
    REJECTED = "rejected"
    UNSEEN = "unseen"  #: the item is on its way between two folders
    BOOTING = "booting"
    SAFETY = "safety"  #: a watch's safety interval is over
    OVER = "over"  #: every time limit of the run is over
    MILLRACE = "millrace"
    DIRECT = "direct"
    PROSE = "prose"  #: words that claim completion and are not a decision
    FIRST = "first"  #: what runs beside the run ends before the run's next call
    LAST = "last"  #: it begins once the run waits for it


class Move(StrEnum):
    """What happens outside before a call is answered."""

    STOP_ASKED = "stop_asked"  #: the caller asks Millracer to stop, the second time to hurry
    OTHER_ADDS = "other_adds"  #: another caller adds the same item
    TAKEN_IN = "taken_in"
    MAIL_REFUSED = "mail_refused"
    CLAIMED = "claimed"
    CANCELLED = "cancelled"
    RESULT_IS_VALID = (
        "result_stands"  #: the updater's result is in the trace, the item not done yet
    )
    ENDED = "ended"
    BLOCKED = "blocked"
    PUT_BACK = "put_back"
    DAEMON_DIES = "daemon_dies"
    DAEMON_STOPPED = "daemon_stopped"  #: by another command
    DAEMON_BOOTS = "daemon_boots"
    OTHER_STARTS = "other_starts"  #: another command starts a daemon


Choice: TypeAlias = Answer | Move
#: Picks one of a menu, asked at the place that is named.
Choose: TypeAlias = Callable[[str, Sequence[Choice]], Choice]


class Gone(BaseException):
    """No code of Millracer runs on; no clean-up has any effect: killed, or not worth following."""


class AskedToStop(Cancellation):
    """A caller's wish to stop whose sleeps take no time.

    Args:
        sleep: says what happens during a sleep.
    """

    def __init__(self, sleep: Callable[[], None]) -> None:
        super().__init__()
        self._sleep = sleep

    def sleep(self, seconds: float) -> None:
        self.raise_if_cancelled()
        self._sleep()
        self.raise_if_cancelled()
