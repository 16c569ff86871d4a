"""The JSON of `millracer fleet show --json`: `millracer.fleet.item.v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from millracer.domain.fleet.items import FleetItemDetail
from millracer.domain.run.result import NextStep
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import NEVER_REDACTED, Published
from millracer.schemas.fleet.report import (
    ENVELOPE,
    FleetItemDocument,
    FleetReport,
    StoredResult,
    describe_item,
    error_of,
    stored_result,
)
from millracer.schemas.run.document import StepDocument

#: The parts of an ops result that prove its completion.
_CERTIFIED = ("fleet", "completion", "evidence_refs")


class RefusedDocument(Published):
    """A result that was refused because another lease was in force.

    Attributes:
        at: when it was refused.
        epoch: the number of the lease under which it was delivered.
        session: the worker's session that delivered it.
        why: why it was refused.
        result: the refused ops result.
    """

    at: datetime
    epoch: int
    session: str
    why: str
    result: StoredResult


class FleetItemResult(FleetReport):
    """Everything that the fleet's database has about one item.

    Attributes:
        item: the item; null if it could not be read.
        request: the ops request that its host performs; null with `item`.
        result: the ops result that its host delivered, without its signed certificate; null before
            its end.
        certificate: of an item that ended: the lease under which it ended (`fleet`), what was
            proven (`completion`), and the sources of the proof (`evidence_refs`); null before.
            It is not signed.
        signed_certificate: of a completed item: the certificate that its host signed, for
            `millracer verify`; null without one.
        refused: the results that were refused, the oldest first.
    """

    schema_version: Literal["millracer.fleet.item.v1"] = "millracer.fleet.item.v1"
    item: FleetItemDocument | None = None
    request: dict[str, Any] | None = None
    result: StoredResult | None = None
    certificate: dict[str, Any] | None = None
    # A change of one character would break a signature.
    signed_certificate: Annotated[dict[str, Any] | None, NEVER_REDACTED] = None
    refused: list[RefusedDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the item was read, and is completed or has not ended.

        Raises:
            FleetNotDone: otherwise; the error's `result` is this document.
        """
        super().raise_for_outcome()
        item = self.item
        if item is not None and item.outcome is not None and not item.completed:
            self.fail(f"{item.work_item_id} ended as {item.outcome}", item.outcome)


def describe_detail(
    detail: FleetItemDetail, steps: tuple[NextStep, ...], warnings: tuple[RunWarning, ...] = ()
) -> FleetItemResult:
    """Return the published form of an item with its request and results."""
    result = detail.result
    return FleetItemResult(
        item=describe_item(detail.item),
        request=dict(detail.request),
        result=stored_result(result),
        certificate=None
        if result is None
        else {name: result[name] for name in _CERTIFIED if name in result},
        signed_certificate=None if result is None else result.get(ENVELOPE),
        refused=[
            RefusedDocument.of(each, result=stored_result(each.result)) for each in detail.refused
        ],
        warnings=[str(warning) for warning in warnings],
        next_steps=[StepDocument.of(step) for step in steps],
    )


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetItemResult:
    """Return the document of an item that could not be read."""
    return FleetItemResult(errors=[error_of(error)])
