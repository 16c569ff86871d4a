"""Log level on standard error: `-v`, `-vv` and `MILLRACER_LOG`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from millracer.errors import UsageError

OPTION = "-v"
LONG_OPTION = "--verbose"
VARIABLE = "MILLRACER_LOG"
#: Level names by the number of `-v`; more than two count as two.
_LEVELS = ("warning", "info", "debug")
_SHORT = re.compile(r"-(v+)")


def take_options(arguments: Sequence[str]) -> tuple[list[str], int]:
    """Remove `-v`, `-vv` and `--verbose` from a command line; return the rest and their count.

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
    """Print the log to standard error at the level of the options, else of the variable.

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
