"""What was read as a page: docs/soak.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.flatness import Gauge, Judgement
from tests.soak.readings import Readings

HEAD = """\
# The soak

Written by `make soak`; do not edit. Real Millrace {millrace}, real pi {pi}, a scripted model,
Python {python}; every stage ends at once, and everything is done in one workspace. The command
exits 1 where something is not flat.

- **first** and **last** are the medians of the first and the last tenth of the readings; of what is
  given for each task or round, the mean of what one adds.
- **flat** is what at the end is no more than **allowed**: a tenth above the beginning, and some
  slack; where nothing is allowed, every reading has to be nothing. What is Millrace's own, and the
  time, which other work of the machine takes too, is told and not judged.
- A task leaves its request and its intake document in `.millracer`, which Millrace's own copy
  names; of the last 20 daemons the output stays, and nothing else of ours.
"""
_COLUMNS = "| figure | first | last | highest | allowed | flat |\n|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the soak, with all that was read."""

    what: str
    gauges: Sequence[Gauge]
    readings: Sequence[Readings]

    @property
    def judgements(self) -> list[Judgement]:
        """What each gauge came to."""
        return [
            gauge.judge([reading[gauge.key] for reading in self.readings]) for gauge in self.gauges
        ]

    @property
    def is_flat(self) -> bool:
        """Whether all of it is."""
        return all(judgement.is_flat for judgement in self.judgements)


def render(parts: Sequence[Part], *, millrace: str, pi: str) -> str:
    """Return the page."""
    head = HEAD.format(millrace=millrace, pi=pi, python=platform.python_version())
    return "\n".join([head, *(_table(part) for part in parts)])


def _table(part: Part) -> str:
    return "\n".join([part.what, "", _COLUMNS, *map(_row, part.judgements), ""])


def _row(judged: Judgement) -> str:
    gauge = judged.gauge
    unit = f" {gauge.unit}" if gauge.unit else ""
    allowed, flat = "", ""
    if gauge.is_judged:
        allowed, flat = f"{judged.limit:.1f}", "yes" if judged.is_flat else "**no**"
    values = " | ".join(f"{each:.1f}{unit}" for each in (judged.first, judged.last, judged.highest))
    return f"| {gauge.name} | {values} | {allowed} | {flat} |"
