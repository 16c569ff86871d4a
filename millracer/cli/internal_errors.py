"""Bugs of ours: kept in the log, and told in a line that says where; with `--debug` in full."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

from millracer import __version__
from millracer.cli.terminal.stderr import printable, say
from millracer.errors import MillracerError


def record_bug(error: BaseException) -> MillracerError:
    """Keep what a bug was and where, and return what a caller is told of it; never raises.

    A traceback's lines and values may hold anybody's secrets: they are taken out.
    """
    told = printable("".join(traceback.format_exception(error)).rstrip("\n"))
    if shows_tracebacks():
        say(told)
    return MillracerError(
        f"internal error: {type(error).__name__}: {error}", suggested_action=_kept(told)
    )


def say_bug(error: BaseException) -> MillracerError:
    """Do as `record_bug`, and say it on standard error as well."""
    bug = record_bug(error)
    say(f"error: {bug.message}\n  next: {bug.suggested_action}")
    return bug


def _kept(told: str) -> str:
    """Keep a traceback, and return what to do next."""
    try:
        from millracer.wiring.user_files import append_to_log  # noqa: PLC0415 - hardly ever needed

        path = append_to_log(f"millracer {__version__}\n{told}")
    except Exception as trouble:  # noqa: BLE001 - telling of a bug must not become another
        return (
            f"run it again with {OPTION} and report what it shows; "
            f"the traceback is in no log: {trouble}"
        )
    return f"report it with the traceback, which is in {path}"


OPTION = "--debug"
VARIABLE = "MILLRACER_DEBUG"

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_asked_for = False


def show_tracebacks() -> None:
    """Show each bug in full on standard error from now on."""
    global _asked_for  # noqa: PLW0603 - one process has one standard error
    _asked_for = True


def shows_tracebacks() -> bool:
    """Whether that was asked for, by option or variable."""
    return _asked_for or os.environ.get(VARIABLE, "").lower() in _YES


def without_option(arguments: Sequence[str]) -> list[str]:
    """Return a command line without `--debug`, which may stand behind the command as well."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return [word for word in words[:end] if word != OPTION] + words[end:]
