"""A clock that only a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from millracer.ports import Clock


class FrozenClock(Clock):
    """Shows one instant; `advance` moves both of its hands."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
