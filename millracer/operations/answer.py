"""The return value of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from millracer.errors import ExitCode

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[Result]):
    """The published result of one operation, errors included, and its exit code.

    Attributes:
        source: the domain object that the result describes, for reports as text; None if none.
    """

    result: Result
    exit_code: ExitCode
    source: Any = None
