"""The JSON of the commands that change the fleet: `millracer.fleet.control.v1`."""

from __future__ import annotations

from typing import Literal

from millracer.domain.control import ControlOutcome
from millracer.errors import MillracerError
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, error_of

#: The database answers at once, or its host does later: no command is `not_possible`.
FleetControlOutcome = Literal[
    ControlOutcome.DONE,
    ControlOutcome.ALREADY,
    ControlOutcome.TOO_LATE,
    ControlOutcome.NOT_CONFIRMED,
    ControlOutcome.FAILED,
]


class FleetControlResult(FleetReport):
    """The result of one command that changes the fleet.

    Attributes:
        command: the operation, such as `fleet_cancel`; null if the command line could not be read
            that far.
        outcome: how the command ended. Only `done` and `already` mean that the requested effect was
            observed; `too_late`: the item had already ended in another way; `not_confirmed`:
            requested, and not observed in time.
        message: the outcome as a sentence.
        subject: the item, host or workspace of the command; null if it has none.
        item: the item of the command as it is now; null if it has none.
        count: how many items were deleted; null for another command.
    """

    schema_version: Literal["millracer.fleet.control.v1"] = "millracer.fleet.control.v1"
    command: str | None = None
    outcome: FleetControlOutcome
    message: str
    subject: str | None = None
    item: FleetItemDocument | None = None
    count: int | None = None

    def raise_for_outcome(self) -> None:
        """Do nothing if the requested effect was observed.

        Raises:
            FleetNotDone: otherwise; the error's `result` is this document.
        """
        if not self.outcome.is_success:
            self.fail(self.message, self.outcome)


def describe_failure(error: MillracerError, operation: str | None = None) -> FleetControlResult:
    """Return the document of a command that failed."""
    return FleetControlResult(
        command=operation,
        outcome=ControlOutcome.FAILED,
        message=error.message,
        errors=[error_of(error)],
    )
