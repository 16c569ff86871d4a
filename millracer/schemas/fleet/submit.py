"""The JSON of `millracer fleet submit --json`: `millracer.fleet.submit.v1`."""

from __future__ import annotations

from typing import Literal

from millracer.domain.fleet.items import SubmitVerdict
from millracer.errors import MillracerError
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, StoredResult, error_of


class FleetSubmitResult(FleetReport):
    """What became of a submission to the fleet.

    Attributes:
        request_id: the request's id, given or generated.
        verdict: `new`: stored and dispatched; `known`: the same key, request and target exist
            already; null if nothing was stored.
        item: the item as it is now; null if nothing was stored.
        result: the ops result of an item that ended; null before its end.
    """

    schema_version: Literal["millracer.fleet.submit.v1"] = "millracer.fleet.submit.v1"
    request_id: str | None = None
    verdict: SubmitVerdict | None = None
    item: FleetItemDocument | None = None
    result: StoredResult | None = None


def describe_failure(
    error: MillracerError, _operation: str | None = None, *, request_id: str | None = None
) -> FleetSubmitResult:
    """Return the document of a submission that failed."""
    return FleetSubmitResult(request_id=request_id, errors=[error_of(error)])
