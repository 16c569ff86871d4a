"""Render the readings as docs/evidence/soak.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.flatness import Gauge, Judgement
from tests.soak.readings import Readings

HEAD = """\
# Soak test

Written by `make soak`; do not edit. Real Millrace {millrace}, real pi {pi}, a scripted model,
Python {python}; every stage ends at once, and everything runs in one workspace. The command
exits 1 if a figure is not flat.

- **first** and **last** are the medians of the first and the last tenth of the readings. For
  figures marked "added" they are the mean growth per task or round.
- A figure is **flat** if its end value is at most **allowed**: a tenth above the first value, plus
  some slack. If 0 is allowed, every reading has to be 0. Millrace's own files and durations, which
  depend on the load of the machine, are reported without a limit.
- Each task leaves its request and its intake document in `.millracer`, to which Millrace's copy
  refers. The output of the last 20 daemons is kept. Millracer leaves no other files.
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
