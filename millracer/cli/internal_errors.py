"""Internal errors: the traceback goes to the log, one line with its place to standard error.

With `--debug` the traceback is printed, too.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

from millracer import __version__
from millracer.cli.terminal.stderr import printable, say
from millracer.errors import MillracerError


def record_bug(error: BaseException) -> MillracerError:
    """Log the traceback of a bug and return the error to report; never raises.

    The traceback is redacted first: its lines and values may contain secrets.
    """
    text = printable("".join(traceback.format_exception(error)).rstrip("\n"))
    if shows_tracebacks():
        say(text)
    return MillracerError(
        f"internal error: {type(error).__name__}: {error}", suggested_action=_append_to_log(text)
    )


def say_bug(error: BaseException) -> MillracerError:
    """Do the same as `record_bug`, and print the error to standard error."""
    bug = record_bug(error)
    say(f"error: {bug.message}\n  next: {bug.suggested_action}")
    return bug


def _append_to_log(text: str) -> str:
    """Append a traceback to the log and return the next step."""
    try:
        from millracer.wiring.user_files import append_to_log  # noqa: PLC0415 - rarely needed

        path = append_to_log(f"millracer {__version__}\n{text}")
    except Exception as trouble:  # noqa: BLE001 - reporting a bug must not cause another
        return (
            f"run the command again with {OPTION} and report the traceback; "
            f"it could not be logged: {trouble}"
        )
    return f"report the error with the traceback in {path}"


OPTION = "--debug"
VARIABLE = "MILLRACER_DEBUG"

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_tracebacks_shown = False


def show_tracebacks() -> None:
    """Print the traceback of each bug to standard error from now on."""
    global _tracebacks_shown  # noqa: PLW0603 - one process has one standard error
    _tracebacks_shown = True


def shows_tracebacks() -> bool:
    """Whether the option or the variable requests tracebacks."""
    return _tracebacks_shown or os.environ.get(VARIABLE, "").lower() in _YES


def without_option(arguments: Sequence[str]) -> list[str]:
    """Return a command line without `--debug`, which may also follow the command."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return [word for word in words[:end] if word != OPTION] + words[end:]
