"""The return value of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from millracer.errors import ExitCode

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[Result]):
    """The published result of one operation, errors included, and its exit code."""

    result: Result
    exit_code: ExitCode
