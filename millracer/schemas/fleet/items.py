"""The JSON of `millracer fleet ps --json`: `millracer.fleet.list.v1`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.errors import MillracerError
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, error_of


class FleetListResult(FleetReport):
    """The items of the fleet: running first, then by priority and submission, then by their ends.

    Attributes:
        items: the first items of the list.
        total: how many items match the request; more than `items` has if the limit cut the list.
    """

    schema_version: Literal["millracer.fleet.list.v1"] = "millracer.fleet.list.v1"
    items: list[FleetItemDocument] = Field(default_factory=list)
    total: int = 0


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetListResult:
    """Return the document of a list that could not be read."""
    return FleetListResult(errors=[error_of(error)])
