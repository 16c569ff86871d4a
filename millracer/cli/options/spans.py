"""Time spans and moments on the command line, such as `30m`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from millracer.errors import UsageError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LONGEST_SECONDS: Final = 1000 * 365 * 86_400


def seconds_in(text: str, option: str) -> float:
    """Return a time span in seconds; a number without a unit is seconds.

    Args:
        text: such as `30s`, `30m`, `12h`, `7d` or `2w`.
        option: the option that gives it.

    Raises:
        UsageError: it is not a time span.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    seconds = 0.0 if match is None else float(match[1]) * _UNITS[match[2]]
    if match is None or seconds > _LONGEST_SECONDS:
        raise UsageError(
            f"{option}: {text!r:.100} is not a time span",
            suggested_action=f"use a number and a unit, such as `{option} 30m`",
        )
    return seconds


def moment_in(text: str, option: str, now: datetime) -> datetime:
    """Return a moment: an ISO 8601 time, or a time span from now.

    Args:
        text: such as `2026-12-01T02:00+01:00`, or `30m`; without a zone in that of this machine.
        option: the option that gives it.
        now: the current time.

    Raises:
        UsageError: it is neither.
    """
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    try:
        return now + timedelta(seconds=seconds_in(text, option))
    except (UsageError, OverflowError) as error:
        raise UsageError(
            f"{option}: {text!r:.100} is neither a time nor a time span",
            suggested_action=f"use an ISO 8601 time, such as `{option} 2026-12-01T02:00`, or a "
            f"time span, such as `{option} 2h`",
        ) from error
