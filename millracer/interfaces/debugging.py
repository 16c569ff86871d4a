"""Whether somebody wants to see our bugs in full; known before anything else is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence

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
