"""Reads the traceback that `millrace` leaves on stderr, whose last words name the error. Pure."""

from __future__ import annotations

import re

_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)): ?(.*)")
_MISSING_MODULE = frozenset({"ModuleNotFoundError", "ImportError"})
#: Pydantic's pointer to its documentation, after each field it complains about.
_BOILERPLATE = "For further information visit"
_LONGEST_ERROR = 400
_OF_THE_SYSTEM = re.compile(r"\w+Error: \[Errno \d+\]")


def exception_line(stderr: str) -> str | None:
    """Return the error a traceback ends with, on one line however many it took."""
    lines = [line.strip() for line in stderr.split("\n")]
    for index in range(len(lines) - 1, -1, -1):
        if _EXCEPTION.fullmatch(lines[index]):
            words = (line for line in lines[index:] if line and not line.startswith(_BOILERPLATE))
            return " ".join(words)[:_LONGEST_ERROR]
    return None


def is_system_error(stderr: str) -> bool:
    """Whether the program died because the system refused it something: room, a file."""
    line = exception_line(stderr)
    return line is not None and _OF_THE_SYSTEM.match(line) is not None


def is_broken_install(stderr: str) -> bool:
    """Whether the program died because one of its Python modules is missing."""
    line = exception_line(stderr)
    return line is not None and line.partition(":")[0] in _MISSING_MODULE
