"""Parse the traceback that `millrace` prints on stderr, whose last lines name the error. Pure."""

from __future__ import annotations

import re

_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)): ?(.*)")
_MISSING_MODULE = frozenset({"ModuleNotFoundError", "ImportError"})
#: Pydantic's link to its documentation, printed after each invalid field.
_BOILERPLATE = "For further information visit"
_MAX_ERROR_LENGTH = 400
_SYSTEM_ERROR = re.compile(r"\w+Error: \[Errno \d+\]")


def exception_line(stderr: str) -> str | None:
    """Return the error at the end of a traceback, joined into one line; None if there is none."""
    lines = [line.strip() for line in stderr.split("\n")]
    for index in range(len(lines) - 1, -1, -1):
        if _EXCEPTION.fullmatch(lines[index]):
            parts = (line for line in lines[index:] if line and not line.startswith(_BOILERPLATE))
            return " ".join(parts)[:_MAX_ERROR_LENGTH]
    return None


def is_system_error(stderr: str) -> bool:
    """Whether the program failed on an operating system error, such as a full disk."""
    line = exception_line(stderr)
    return line is not None and _SYSTEM_ERROR.match(line) is not None


def is_broken_install(stderr: str) -> bool:
    """Whether the program failed because one of its Python modules is missing."""
    line = exception_line(stderr)
    return line is not None and line.partition(":")[0] in _MISSING_MODULE
