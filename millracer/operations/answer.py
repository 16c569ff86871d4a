"""The return value of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from millracer.errors import ExitCode

if TYPE_CHECKING:  # an action on the store does not need the results of runs
    from millracer.domain.run.result import ErrorRecord

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[Result]):
    """The published result of one operation, errors included, and its exit code.

    Attributes:
        error: the error that ended the operation; None if it has a result.
    """

    result: Result
    exit_code: ExitCode
    error: ErrorRecord | None = None
