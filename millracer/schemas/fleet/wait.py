"""The JSON of `millracer fleet wait --json`: `millracer.fleet.wait.v1`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.domain.fleet.items import FleetItemState
from millracer.errors import MillracerError
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, error_of


class FleetWaitResult(FleetReport):
    """The items of a wait, as they were at its end.

    Attributes:
        timed_out: the time was over before every item had ended.
        items: the items, in the order of the request.
    """

    schema_version: Literal["millracer.fleet.wait.v1"] = "millracer.fleet.wait.v1"
    timed_out: bool = False
    items: list[FleetItemDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if every item is completed.

        Raises:
            FleetNotDone: otherwise; the error's `result` is this document.
        """
        super().raise_for_outcome()
        left = [each for each in self.items if not each.completed]
        if left:
            first = left[0]
            is_open = first.state is not FleetItemState.ENDED
            outcome = "timed_out" if is_open else first.outcome or "failed"
            self.fail(f"{first.work_item_id} is not completed", outcome)


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetWaitResult:
    """Return the document of a wait that failed."""
    return FleetWaitResult(errors=[error_of(error)])
