"""When a figure is flat: its first tenth against its last, by a rule that is stated with it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The rule for a figure that is read again and again."""

    #: The median of the last tenth is at most that of the first, and a tenth and the slack more.
    LEVEL = "level"
    #: It is nothing, every time.
    NONE = "none"
    #: A total: what is added in the last tenth is at most what is in the first, as with LEVEL.
    STEADY = "steady"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A figure that is read after every task or round.

    Attributes:
        key: its name in a sample.
        slack: its allowed growth beside a tenth, in its unit.
        is_judged: whether the soak fails with it; what is Millrace's own, or the time that other
            work of the machine takes, is only reported.
    """

    key: str
    name: str
    unit: str
    rule: Rule
    slack: float = 0.0
    is_judged: bool = True

    def judge(self, values: Sequence[float]) -> Judgement:
        """Compare the two ends of the readings, oldest first; at least two readings."""
        tenth = max(1, len(values) // 10)
        if self.rule is Rule.STEADY:
            steps = [later - earlier for earlier, later in itertools.pairwise(values)]
            first, last = statistics.fmean(steps[:tenth]), statistics.fmean(steps[-tenth:])
        else:
            first, last = statistics.median(values[:tenth]), statistics.median(values[-tenth:])
        limit = 0.0 if self.rule is Rule.NONE else first * 1.1 + self.slack
        highest = max(values)
        reached = highest if self.rule is Rule.NONE else last
        return Judgement(
            gauge=self,
            first=first,
            last=last,
            highest=highest,
            limit=limit,
            is_flat=reached <= limit or not self.is_judged,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a gauge came to.

    Attributes:
        first: of the first tenth: the median, of a total the mean of what a reading adds.
        last: the same of the last tenth.
        limit: what that may be at most, of nothing the highest.
    """

    gauge: Gauge
    first: float
    last: float
    highest: float
    limit: float
    is_flat: bool
