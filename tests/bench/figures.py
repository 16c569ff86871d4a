"""What was measured: samples of one figure, by whom, and what they amount to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of at least one value do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


@dataclass(slots=True, kw_only=True)
class Samples:
    """The repetitions of one figure by one contender.

    Attributes:
        failures: why a repetition has no value.
        absent: why there can be none.
    """

    values: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    absent: str = ""

    @property
    def median(self) -> float | None:
        """The median, None without values."""
        return statistics.median(self.values) if self.values else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest value, None without values."""
        return (min(self.values), max(self.values)) if self.values else None


@dataclass(slots=True, kw_only=True)
class Figure:
    """One row: a figure of both, and its aim.

    Attributes:
        reach: the aim, in words.
        ratio_limit: reached when Millracer is at most so many times the reference.
        limit: reached when Millracer is at most this.
    """

    name: str
    unit: str
    reach: str = ""
    ratio_limit: float | None = None
    limit: float | None = None
    millracer: Samples = field(default_factory=Samples)
    reference: Samples = field(default_factory=Samples)

    def of(self, contender: str) -> Samples:
        """Return the samples of `ours` or of `reference`."""
        return self.millracer if contender == "ours" else self.reference

    @property
    def ratio(self) -> float | None:
        """Millracer's median over the reference's; None where one is missing or zero."""
        millracer, reference = self.millracer.median, self.reference.median
        return None if millracer is None or not reference else millracer / reference

    @property
    def is_reached(self) -> bool | None:
        """Whether Millracer reaches the aim, None where that cannot be decided."""
        millracer, ratio = self.millracer.median, self.ratio
        if self.ratio_limit is not None:
            return None if ratio is None else ratio <= self.ratio_limit
        if self.limit is not None:
            return None if millracer is None else millracer <= self.limit
        return None
