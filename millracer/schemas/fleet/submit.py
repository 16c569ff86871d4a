"""The JSON of `millracer fleet submit --json`: `millracer.fleet.submit.v1`."""

from __future__ import annotations

from typing import Literal

from millracer.domain.fleet.items import FleetItemState, SubmitVerdict
from millracer.errors import MillracerError
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, StoredResult, error_of


class FleetSubmitResult(FleetReport):
    """What became of a submission to the fleet.

    Attributes:
        request_id: the request's id, given or generated.
        verdict: `new`: stored and dispatched; `known`: the same key, request and target exist
            already; null if nothing was stored.
        item: the item as it is now; null if nothing was stored.
        timed_out: the requested wait was over before the item had ended.
        result: the ops result of an item that ended, without its signed certificate; null before
            its end.
    """

    schema_version: Literal["millracer.fleet.submit.v1"] = "millracer.fleet.submit.v1"
    request_id: str | None = None
    verdict: SubmitVerdict | None = None
    item: FleetItemDocument | None = None
    timed_out: bool = False
    result: StoredResult | None = None

    def raise_for_outcome(self) -> None:
        """Do nothing if the item is stored, and is completed or need not have ended.

        Raises:
            FleetNotDone: otherwise; the error's `result` is this document.
        """
        super().raise_for_outcome()
        item = self.item
        if item is not None and item.state is FleetItemState.ENDED and not item.completed:
            self.fail(
                f"{item.work_item_id} ended as {item.outcome}, without proof",
                item.outcome or "failed",
            )
        elif item is not None and self.timed_out:
            self.fail(f"{item.work_item_id} has not ended", "timed_out")


def describe_failure(
    error: MillracerError, _operation: str | None = None, *, request_id: str | None = None
) -> FleetSubmitResult:
    """Return the document of a submission that failed."""
    return FleetSubmitResult(request_id=request_id, errors=[error_of(error)])
