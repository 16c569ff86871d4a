"""How much of the log a command shows on standard error: `-v`, `-vv` and `MILLRACER_LOG`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from millracer.errors import UsageError

OPTION = "-v"
LONG_OPTION = "--verbose"
VARIABLE = "MILLRACER_LOG"
#: Level names by the number of `-v`; more count as the last.
_LEVELS = ("warning", "info", "debug")
_SHORT = re.compile(r"-(v+)")


def take_options(arguments: Sequence[str]) -> tuple[list[str], int]:
    """Return a command line without `-v`, `-vv` and `--verbose`, and how often they were given.

    They may follow the command, but not `--`.
    """
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    rest, count = [], 0
    for word in words[:end]:
        if word == LONG_OPTION:
            count += 1
        elif match := _SHORT.fullmatch(word):
            count += len(match[1])
        else:
            rest.append(word)
    return rest + words[end:], count


def show_log(count: int) -> None:
    """Show the log on standard error, as the options or else the variable ask for.

    Raises:
        UsageError: the variable names no level.
    """
    named = os.environ.get(VARIABLE, "").strip().lower()
    if not count and not named:
        return
    level = _LEVELS[min(count, len(_LEVELS) - 1)] if count else named
    if level not in _LEVELS:
        raise UsageError(
            f"{VARIABLE} is {named!r:.100}, which is not a log level",
            suggested_action=f"set it to one of {', '.join(_LEVELS)}, or unset it",
        )
    import logging  # noqa: PLC0415 - few commands show a log

    from millracer.cli.terminal.stderr import say  # noqa: PLC0415 - the same
    from millracer.logs import emit_lines  # noqa: PLC0415 - the same

    emit_lines(logging.getLevelNamesMapping()[level.upper()], say)
