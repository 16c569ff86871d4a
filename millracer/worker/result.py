"""The result document of an item: that of its ops request, with the lease it was made under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.fleet.hosts import Lease
from millracer.domain.work.runtime import JsonObject
from millracer.errors import MillracerError, RunWarning
from millracer.operations.ops.reply import describe_error, describe_warning
from millracer.schemas.base import redacted
from millracer.schemas.ops.result import (
    CompletionDocument,
    OpsResult,
    OpsStatus,
    WorkspaceRefDocument,
)

ResultDocument = dict[str, Any]


def certified_lease(lease: Lease, engine: str) -> CertifiedLease:
    """Return the lease as results and certificates state it."""
    return CertifiedLease(
        item=lease.item_id,
        dispatch=lease.dispatch,
        workspace=lease.workspace_id,
        identity=lease.identity,
        host=lease.host,
        session=lease.session,
        epoch=lease.epoch,
        attempt=lease.attempt,
        claimed_at=lease.claimed_at,
        engine=engine,
    )


def with_lease(document: Mapping[str, Any], lease: CertifiedLease) -> ResultDocument:
    """Return the document with its lease."""
    return {**document, "fleet": {**asdict(lease), "claimed_at": lease.claimed_at.isoformat()}}


def with_certificate(document: Mapping[str, Any], envelope: JsonObject) -> ResultDocument:
    """Return the document with its signed certificate."""
    return {**document, "certificate": dict(envelope)}


def without_certificate(document: Mapping[str, Any], why: str) -> ResultDocument:
    """Return the document with the warning that its certificate could not be made."""
    return _warned(document, RunWarning("certificate_not_made", why))


def cancelled_document(lease: Lease) -> ResultDocument:
    """Return the result of an item that was cancelled before its host touched Millrace."""
    error = MillracerError(
        "the item was cancelled before it started",
        code="cancelled",
        suggested_action="submit it again with another key",
    )
    return _without_run(lease, OpsStatus.CANCELLED, error)


def as_cancelled(document: ResultDocument, *, confirmed: bool = True) -> ResultDocument:
    """Return the result of a run whose item was cancelled afterwards.

    Args:
        document: the result of the run.
        confirmed: whether Millrace confirmed that it does not work on the item any more.
    """
    if not confirmed:
        text = "Millrace has not confirmed that it stopped the work on the item"
        document = _warned(document, RunWarning("fleet_cancel_unconfirmed", text))
    return {
        **document,
        "status": str(OpsStatus.CANCELLED),
        "completion": {**document["completion"], "outcome": "cancelled"},
    }


def failed_document(lease: Lease, error: MillracerError) -> ResultDocument:
    """Return the result of an item whose host could not perform it."""
    return _without_run(lease, OpsStatus.FAILED, error)


def is_completed(document: Mapping[str, Any]) -> bool:
    """Return whether the completion gate said completed."""
    return document["completion"]["scoped_completion"] is True


def is_cancelled(document: Mapping[str, Any]) -> bool:
    """Return whether the run was cancelled."""
    return bool(document["status"] == OpsStatus.CANCELLED)


def is_proven_since(document: Mapping[str, Any], moment: datetime) -> bool:
    """Return whether every fact of the proof was read at this moment or later."""
    facts = document["completion"]["evidence_summary"]
    return all(datetime.fromisoformat(fact["at"]) >= moment for fact in facts)


def is_about(document: Mapping[str, Any], item_id: str) -> bool:
    """Return whether the run was that of this item."""
    run = document.get("raw_compat")
    return run is not None and run.get("work_item_id") == item_id


def _warned(document: Mapping[str, Any], warning: RunWarning) -> ResultDocument:
    described = redacted(describe_warning(warning)).model_dump(mode="json")
    return {**document, "warnings": [*document["warnings"], described]}


def _without_run(lease: Lease, status: OpsStatus, error: MillracerError) -> ResultDocument:
    now = datetime.now(UTC)
    outcome = "cancelled" if status is OpsStatus.CANCELLED else "failed"
    result = OpsResult(
        request_id=str(lease.request.get("request_id") or lease.item_id),
        status=status,
        action="enqueue",
        workspace_ref=WorkspaceRefDocument(runtime_kind="fleet", workspace_id=lease.workspace_id),
        started_at=now,
        finished_at=now,
        warnings=[],
        errors=[describe_error(error)],
        result={},
        completion=CompletionDocument.model_validate(
            {"outcome": outcome, "scoped_completion": False}
        ),
    )
    return redacted(result).model_dump(mode="json")
