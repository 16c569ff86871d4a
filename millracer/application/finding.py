"""Finding the work item where Millrace holds it already, and what follows from its place there."""

from __future__ import annotations

from millracer.application.record import RunRecord
from millracer.domain.lifecycle import RunEvent
from millracer.domain.observation import Observation, interpret_lineage, leads_to_more_work
from millracer.domain.result import Ending
from millracer.domain.work import (
    Decision,
    IntakePreference,
    ItemState,
    Route,
    RoutePreference,
    Standing,
    WorkItem,
)
from millracer.errors import IdempotencyConflict
from millracer.ports import Millrace


def find_item(record: RunRecord, millrace: Millrace) -> RunEvent | None:
    """Ask Millrace for the item; return None when it is not there, else what it means."""
    standing = millrace.look_up(record.known_item.item_id, record.wait)
    if standing.state is ItemState.ABSENT:
        return None
    _check_hash(record.known_item, standing)
    record.standing = standing
    _adopt(record, standing)
    if standing.state.is_live or _goes_on(standing, millrace):
        return RunEvent.ITEM_FOUND_LIVE
    record.found_ended = True
    match standing.state:
        case ItemState.DONE:
            record.end(Ending.ITEM_ENDED, "Millrace had done this work item before")
        case ItemState.BLOCKED:
            record.end(Ending.BLOCKED, "Millrace holds this work item as blocked")
        case state:
            record.end(Ending.SET_ASIDE, f"Millrace holds this work item as {state}")
    return RunEvent.ITEM_FOUND_ENDED


def _goes_on(standing: Standing, millrace: Millrace) -> bool:
    """Whether something that came out of an ended item is, or may be, still to be worked on.

    What rests may rest for a moment only: the watch has the patience to tell.
    """
    if standing.state is not ItemState.DONE or not leads_to_more_work(standing):
        return False
    found = interpret_lineage(millrace.trace_lineage(standing))
    return found in {None, Observation.AT_REST}


def _check_hash(item: WorkItem, standing: Standing) -> None:
    if not item.request_hash or standing.request_hash in {None, item.request_hash}:
        return
    raise IdempotencyConflict(
        f"work item {item.item_id} is in Millrace already, with another text, scope or references",
        suggested_action="send what was sent the first time, or name this work anew",
    )


def _adopt(record: RunRecord, standing: Standing) -> None:
    request = record.request
    if request.route is RoutePreference.DIRECT:
        record.warn("kind_fixed", "Millrace holds this work item, so it is not done directly")
    wanted = request.intake
    if standing.kind is not None and wanted not in {
        IntakePreference.AUTO,
        IntakePreference(standing.kind),
    }:
        record.warn(
            "kind_fixed", f"Millrace holds this work item as {standing.kind}, not as {wanted}"
        )
    record.decision = Decision(
        route=Route.MILLRACE,
        why="Millrace holds this work item already",
        intake_kind=standing.kind,
    )
    record.intake_kind = standing.kind
