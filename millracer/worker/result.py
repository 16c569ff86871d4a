"""The result document of an item: that of its ops request, with the lease it was made under."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from millracer.domain.fleet.hosts import Lease
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


def with_lease(document: Mapping[str, Any], lease: Lease, engine: str) -> ResultDocument:
    """Return the document with its lease."""
    block = {
        "item": lease.item_id,
        "dispatch": lease.dispatch,
        "workspace": lease.workspace_id,
        "identity": lease.identity,
        "host": lease.host,
        "session": lease.session,
        "epoch": lease.epoch,
        "attempt": lease.attempt,
        "claimed_at": lease.claimed_at.isoformat(),
        "engine": engine,
    }
    return {**document, "fleet": block}


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
    warnings = list(document["warnings"])
    if not confirmed:
        text = "Millrace has not confirmed that it stopped the work on the item"
        warnings.append(
            describe_warning(RunWarning("fleet_cancel_unconfirmed", text)).model_dump(mode="json")
        )
    return {
        **document,
        "status": str(OpsStatus.CANCELLED),
        "warnings": warnings,
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
