"""Render times for people."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, such as `5 min`; a date after two days."""
    seconds = max(0, round((now - moment).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{moment:%Y-%m-%d %H:%M}Z"


def duration(seconds: float | None) -> str:
    """Return a duration as minutes and seconds, such as `1:05`; `-` for None."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
