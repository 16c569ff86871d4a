"""The words that name a program to start."""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import suppress
from pathlib import Path

from millracer.errors import UsageError


def program_words(command: str, option: str) -> tuple[str, ...]:
    """Split a program option into argv; a path with blanks that exists is one word.

    A path is made absolute, where that can be: the program is started in another directory than
    ours.

    Raises:
        UsageError: it is empty or its quoting does not close.
    """
    # Not `Path.is_file`, which raises where words are too many to be a path.
    if os.path.isfile(command) or shutil.which(command):  # noqa: PTH113
        return (_absolute(command),)
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise UsageError(
            f"{option} cannot be read: {exc}",
            suggested_action="quote it as a shell would read it: the program, then its arguments",
        ) from exc
    if not words:
        raise UsageError(f"{option} is empty", suggested_action="name a program")
    return (_absolute(words[0]), *words[1:])


def _absolute(word: str) -> str:
    """Return a path made absolute, and a bare name, which is looked up on PATH, as it is."""
    if "/" not in word:
        return word
    path = Path(word)
    with suppress(RuntimeError):  # `~nobody` is a folder's name then
        path = path.expanduser()
    try:
        return str(path.absolute())
    except FileNotFoundError:  # our own directory is gone, and what lay there with it
        return word
