"""Bugs of ours: kept in the log, and told in a line that says where; with `--debug` in full."""

from __future__ import annotations

import traceback

from millracer import __version__
from millracer.errors import MillracerError
from millracer.interfaces import debugging
from millracer.interfaces.terminal import printable, say


def record_bug(error: BaseException) -> MillracerError:
    """Keep what a bug was and where, and return what a caller is told of it; never raises.

    A traceback's lines and values may hold anybody's secrets: they are taken out.
    """
    told = printable("".join(traceback.format_exception(error)).rstrip("\n"))
    if debugging.shows_tracebacks():
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
        from millracer.bootstrap.files import append_to_log  # noqa: PLC0415 - hardly ever needed

        path = append_to_log(f"millracer {__version__}\n{told}")
    except Exception as trouble:  # noqa: BLE001 - telling of a bug must not become another
        return (
            f"run it again with {debugging.OPTION} and report what it shows; "
            f"the traceback is in no log: {trouble}"
        )
    return f"report it with the traceback, which is in {path}"
