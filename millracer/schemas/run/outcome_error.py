"""The error that `raise_for_outcome` of a result document raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from millracer.errors import MillracerError
from millracer.schemas.base import Published

_READ_RESULT: Final = "read the result that is attached to this error"


class Cause(Protocol):
    """An error of a result document."""

    @property
    def code(self) -> str:
        """Identifies the error."""
        ...

    @property
    def message(self) -> str:
        """The error as a sentence."""
        ...

    @property
    def suggested_action(self) -> str | None:
        """The next step; None if there is none."""
        ...


class NextCommand(Protocol):
    """A next step of a result document."""

    @property
    def command(self) -> str:
        """The command for a shell."""
        ...


class OutcomeError(MillracerError):
    """An operation ended without success: `raise_for_outcome` of its result document raises this.

    Code, message and next step are those of the first error in the result. Without one, the code is
    the outcome, and the next step the first of the result.

    Attributes:
        result: the result document.
    """

    result: Published

    def __init__(
        self,
        result: Published,
        message: str,
        *,
        outcome: str,
        errors: Sequence[Cause],
        next_steps: Sequence[NextCommand],
    ) -> None:
        step = next_steps[0].command if next_steps else _READ_RESULT
        if errors:
            message, outcome = errors[0].message, errors[0].code
            step = errors[0].suggested_action or step
        super().__init__(message, code=outcome, suggested_action=step)
        self.result = result
