"""The fields that all documents about the fleet have, and the documents of an item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, overload

from pydantic import Field

from millracer.domain.fleet.explanation import explain
from millracer.domain.fleet.items import FleetItem, FleetItemState, WaitReason
from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError
from millracer.schemas.base import ItemId, Published
from millracer.schemas.run.document import ErrorDocument, StepDocument
from millracer.schemas.run.outcome_error import OutcomeError


class FleetNotDone(OutcomeError):
    """An operation on the fleet ended without success."""

    result: FleetReport


class FleetReport(Published):
    """A document about the fleet; a subclass adds its own schema version and fields.

    Attributes:
        schema_version: the format of this document.
        warnings: problems that did not stop the operation, each as `code: text`.
        errors: why the operation failed; empty if it did not.
        next_steps: the commands that continue from here.
    """

    schema_version: str
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)
    next_steps: list[StepDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the operation succeeded.

        Raises:
            FleetNotDone: otherwise; the error's `result` is this document.
        """
        if self.errors:
            self.fail("the fleet did not do this", "failed")

    def fail(self, message: str, outcome: str) -> None:
        """Raise the error of this document.

        Raises:
            FleetNotDone: always.
        """
        raise FleetNotDone(
            self, message, outcome=outcome, errors=self.errors, next_steps=self.next_steps
        )


class FleetProgressDocument(Published):
    """The last progress row that the item's host wrote.

    Attributes:
        stage: the running stage; empty before the first.
        message: one line for a person.
        sequence: the number of the event in the log on the host.
        at: when it was written, by the database's clock.
    """

    stage: str
    message: str
    sequence: int
    at: datetime


class FleetItemDocument(Published):
    """One item of the fleet; times are the database's.

    Attributes:
        work_item_id: its id, the same as in Millrace on its host.
        workspace_id: the workspace that does it; null while no workspace with the label has it.
        host: the host of the workspace; null without a workspace.
        label: the label that the submission named; null without one.
        state: `queued`; `running`; `set_aside`: its host ended too often while it ran;
            `released`: its host dispatches it again; `ended`.
        why: why it is not running, in one line; empty while it runs and after its end.
        reason: the code of `why` for a queued item; null otherwise.
        reason_subject: what the reason names, such as the item that occupies the workspace.
        priority: smaller starts earlier.
        submitted_by: the database role of the client.
        submitted_at: when it was stored.
        not_before: the earliest start; null: at once.
        dispatch: how often it was dispatched.
        attempts: how often a host took it.
        epoch: the number of the workspace's lease under which it was last taken; null before.
        claimed_at: when it was last taken; null before.
        cancel_requested_at: when its cancellation was requested; null without a request.
        progress: the last progress of its run; null before the first.
        ended_at: when its result was accepted; null before.
        outcome: the outcome of its run; null before its end.
        completed: whether Millrace's evidence proves it done; null before its end.
        host_seen_at: the last heartbeat of its host; null if there was none.
        host_away: whether its host has no recent heartbeat; a running item may continue there.
    """

    work_item_id: ItemId
    workspace_id: str | None
    host: str | None
    label: str | None
    state: FleetItemState
    why: str
    reason: WaitReason | None
    reason_subject: str
    priority: int
    submitted_by: str
    submitted_at: datetime
    not_before: datetime | None
    dispatch: int
    attempts: int
    epoch: int | None
    claimed_at: datetime | None
    cancel_requested_at: datetime | None
    progress: FleetProgressDocument | None
    ended_at: datetime | None
    outcome: str | None
    completed: bool | None
    host_seen_at: datetime | None
    host_away: bool


def describe_item(item: FleetItem) -> FleetItemDocument:
    """Return the published form of an item."""
    return FleetItemDocument.of(item, why=explain(item))


def error_of(error: MillracerError) -> ErrorDocument:
    """Return the published form of an error."""
    return ErrorDocument.of(ErrorRecord.of(error))


#: An ops result as its host delivered it, without the signed certificate.
StoredResult = dict[str, Any]
#: The key of the signed certificate in an ops result that a host delivered.
ENVELOPE: Final = "certificate"


@overload
def stored_result(delivered: Mapping[str, Any]) -> StoredResult: ...
@overload
def stored_result(delivered: Mapping[str, Any] | None) -> StoredResult | None: ...
def stored_result(delivered: Mapping[str, Any] | None) -> StoredResult | None:
    """Return the published form of a delivered ops result; None for None.

    It lacks the signed certificate: redaction of the document would break the signature.
    """
    if delivered is None:
        return None
    return {name: value for name, value in delivered.items() if name != ENVELOPE}
