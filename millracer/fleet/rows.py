"""Translate between rows of the fleet's database and domain types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from millracer.domain.fleet.hosts import AWAY_AFTER_SECONDS, FleetHost, FleetWorkspace
from millracer.domain.fleet.items import (
    FleetItem,
    FleetItemState,
    FleetSchedule,
    ItemProgress,
    RefusedResult,
)
from millracer.domain.fleet.waiting import WaitFacts, derive_state, explain_wait

#: The columns of `fleet.overview` that make an item.
ITEM_COLUMNS: Final = (
    "item",
    "workspace",
    "label",
    "priority",
    "not_before",
    "submitted_by",
    "submitted_at",
    "dispatch",
    "attempts",
    "epoch",
    "claimed_at",
    "wish_at",
    "progress_stage",
    "progress_message",
    "progress_sequence",
    "progress_at",
    "ended_at",
    "outcome",
    "completed",
    "host",
    "host_seen_at",
    "host_has_session",
    "draining",
    "drain_note",
    "slots",
    "in_use",
    "limit_most",
    "limit_started",
    "dispatch_status",
    "paused",
    "pause_note",
    "lease_is_live",
    "occupied_by",
    "ahead",
    "now",
)

_Value = TypeVar("_Value")
_Row = Mapping[str, Any]


def storable(value: _Value) -> _Value:
    """Return a text, or JSON, with the characters replaced that PostgreSQL cannot store."""
    return _storable(value)  # type: ignore[no-any-return] # the same type


def in_utc(moment: datetime) -> datetime:
    """Return a time of the database in UTC."""
    return moment.astimezone(UTC)


def read_item(row: _Row) -> FleetItem:
    """Return the item of a row of `fleet.overview`."""
    facts = WaitFacts(
        now=row["now"],
        ended=row["ended_at"] is not None,
        bound=row["host"] is not None,
        label=row["label"],
        dispatch_status=row["dispatch_status"],
        lease_is_live=row["lease_is_live"],
        not_before=row["not_before"],
        paused=row["paused"],
        pause_note=row["pause_note"],
        occupied_by=row["occupied_by"],
        ahead=row["ahead"],
        host_seen_at=row["host_seen_at"],
        host_has_session=row["host_has_session"],
        draining=row["draining"],
        drain_note=row["drain_note"],
        slots=row["slots"] or 0,
        in_use=row["in_use"],
        limit=row["limit_most"],
        started=row["limit_started"],
    )
    state = derive_state(facts)
    reason, subject = explain_wait(facts) if state is FleetItemState.QUEUED else (None, "")
    return FleetItem(
        item_id=row["item"],
        workspace_id=row["workspace"],
        host=row["host"],
        label=row["label"],
        state=state,
        reason=reason,
        reason_subject=subject,
        priority=row["priority"],
        submitted_by=row["submitted_by"],
        submitted_at=in_utc(row["submitted_at"]),
        not_before=_optional(row["not_before"]),
        dispatch=row["dispatch"],
        attempts=row["attempts"],
        epoch=row["epoch"],
        claimed_at=_optional(row["claimed_at"]),
        cancel_requested_at=_optional(row["wish_at"]),
        progress=_progress(row),
        ended_at=_optional(row["ended_at"]),
        outcome=row["outcome"],
        completed=row["completed"],
        host_seen_at=_optional(row["host_seen_at"]),
        host_away=facts.bound and facts.host_is_away,
    )


def read_refused(row: _Row) -> RefusedResult:
    """Return the refused result of a row of `fleet.refused`."""
    return RefusedResult(
        at=in_utc(row["at"]),
        item_id=row["item"],
        epoch=row["epoch"],
        session=str(row["session"]),
        why=row["why"],
        result=row["result"],
    )


def read_host(row: _Row) -> FleetHost:
    """Return the host of a row of `fleet.host_overview`."""
    seen, limit = row["seen_at"], timedelta(seconds=AWAY_AFTER_SECONDS)
    return FleetHost(
        host=row["host"],
        role=row["role"],
        version=row["version"],
        slots=row["slots"],
        draining=row["draining"],
        note=row["note"],
        running=tuple(row["running"]),
        queued=row["queued"],
        started_at=_optional(row["started_at"]),
        seen_at=_optional(seen),
        away=not row["has_session"] or seen is None or seen < row["now"] - limit,
    )


def read_workspace(row: _Row) -> FleetWorkspace:
    """Return the workspace of a row of `fleet.workspace_overview`."""
    return FleetWorkspace(
        workspace_id=row["workspace"],
        host=row["host"],
        root=row["root"],
        identity=row["identity"],
        labels=tuple(row["labels"]),
        epoch=row["epoch"],
        running=row["running"],
        queued=row["queued"],
        paused=row["paused"],
        note=row["note"],
        paused_until=_optional(row["paused_until"]) if row["paused"] else None,
    )


def read_schedule(row: _Row) -> FleetSchedule:
    """Return the schedule of a row of `fleet.schedule_overview`; an unreadable one is empty."""
    try:
        context = json.loads(row["context"])
    except ValueError:
        context = None
    content = context if isinstance(context, dict) else {}
    last = row["last_fired_at"]
    return FleetSchedule(
        name=row["schedule_name"],
        workspace_id=str(content.get("workspace", "")),
        cron=row["schedule"],
        request=content.get("request") or {},
        timezone=row["cron_timezone"] or "UTC",
        paused=row["status"] != "ACTIVE",
        last_at=None if last is None else in_utc(datetime.fromisoformat(last)),
    )


def _progress(row: _Row) -> ItemProgress | None:
    if row["progress_at"] is None:
        return None
    return ItemProgress(
        stage=row["progress_stage"],
        message=row["progress_message"],
        sequence=row["progress_sequence"],
        at=in_utc(row["progress_at"]),
    )


def _optional(moment: datetime | None) -> datetime | None:
    return None if moment is None else in_utc(moment)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
        case Mapping():
            return {_storable(key): _storable(each) for key, each in value.items()}
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return value
