"""Find a work item that Millrace holds already, and decide how the run continues with it."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.requests import Decision, IntakeKind, IntakePreference, Route, RoutePreference
from millracer.domain.run.completion import SPEC
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.run.observation import interpret_lineage, leads_to_more_work
from millracer.domain.work.identity import is_item_id, is_named
from millracer.domain.work.items import ItemState, ItemStatus, WorkItem
from millracer.errors import IdempotencyConflict, InvalidRequest
from millracer.ports import Backend
from millracer.run.context import RunContext


def find_item(record: RunContext, millrace: Backend) -> Step | None:
    """Look the item up; return the step to take, or None if Millrace does not hold it."""
    item_status = millrace.look_up(record.known_item.item_id, record.wait)
    if item_status.state is ItemState.ABSENT:
        return None
    return adopt_item(record, millrace, item_status)


def adopt_item(record: RunContext, millrace: Backend, item_status: ItemStatus) -> Step:
    """Use an existing item as the run's own, and return the step to take.

    Raises:
        IdempotencyConflict: it exists with another body.
    """
    _check_hash(record.known_item, item_status)
    record.item_status = item_status
    record.found = True
    _adopt(record, item_status)
    if item_status.state.is_live or _may_continue(item_status, millrace):
        return Step(RunEvent.ITEM_FOUND_LIVE)
    record.found_ended = True
    match item_status.state:
        case ItemState.DONE:
            ending, reason = Ending.ITEM_ENDED, "Millrace had done this work item before"
        case ItemState.BLOCKED:
            ending, reason = Ending.BLOCKED, "Millrace holds this work item as blocked"
        case state:
            ending, reason = Ending.SET_ASIDE, f"Millrace holds this work item as {state}"
    return Step(RunEvent.ITEM_FOUND_ENDED, ending, reason)


def has_ended(item_status: ItemStatus, millrace: Backend) -> bool:
    """Return whether the work on an item and its descendants has ended for good.

    A blocked item has not: it can be retried. Reads the disk and starts no program.
    """
    if item_status.state.is_set_aside:
        return True
    return item_status.state is ItemState.DONE and not _may_continue(item_status, millrace)


def has_ended_on_disk(item_id: str, millrace: Backend) -> bool:
    """Return `has_ended` of an item that Millrace's files name; False for an unknown one.

    Reads the disk and starts no program.
    """
    for each in millrace.list_items():
        is_idea = each.work_kind == SPEC and millrace.idea_of(each.item_id) == item_id
        if each.item_id == item_id or is_idea:
            kinds = IntakeKind.__members__.values()
            kind = next((kind for kind in kinds if kind.value == each.work_kind), None)
            status = ItemStatus(
                item_id=item_id,
                state=each.state,
                source=each.path,
                observed_at=each.written_at,
                kind=IntakeKind.IDEA if is_idea else kind,
                millrace_id=each.item_id,
                path=each.path,
                work_kind=each.work_kind,
            )
            return has_ended(status, millrace)
    return False


def _may_continue(item_status: ItemStatus, millrace: Backend) -> bool:
    """Return whether descendants of an ended item are, or may still become, live.

    A lineage at rest may be so for a moment only; the watch waits long enough to decide.
    """
    if item_status.state is not ItemState.DONE or not leads_to_more_work(item_status):
        return False
    found = interpret_lineage(millrace.trace_lineage(item_status))
    return found in {None, Ending.AT_REST}


def _check_hash(item: WorkItem, item_status: ItemStatus) -> None:
    if not item.request_hash or item_status.request_hash in {None, item.request_hash}:
        return
    raise IdempotencyConflict(
        f"work item {item.item_id} is in Millrace already, with another text, scope or references",
        suggested_action="send the original request again, or use another name for this work",
    )


def _adopt(record: RunContext, item_status: ItemStatus) -> None:
    request = record.request
    if request.route is RoutePreference.DIRECT:
        record.warn("kind_fixed", "Millrace holds this work item, so it is not done directly")
    wanted = request.intake
    if item_status.kind is not None and wanted not in {
        IntakePreference.AUTO,
        IntakePreference(item_status.kind),
    }:
        record.warn(
            "kind_fixed", f"Millrace holds this work item as {item_status.kind}, not as {wanted}"
        )
    record.decision = Decision(
        route=Route.MILLRACE,
        why="Millrace holds this work item already",
        intake_kind=item_status.kind,
    )
    record.intake_kind = item_status.kind


_MOST_SHOWN = 5
#: A shorter beginning of an id names nothing, so that a typing error cannot hit another item.
_LEAST_PREFIX = 4


def item_named(name: str, millrace: Backend) -> str:
    """Resolve a user-supplied name (work item id, request id or unique id prefix) to an item id.

    A spec that was made from an idea is that idea. An unknown name is returned unchanged. The id
    of an item shows whether a request of this name created it, so no index is kept: the stored
    requests are searched. Starts no program.

    Raises:
        InvalidRequest: the name is that of several items, or too short to abbreviate an id.
    """
    item_id = _resolve(name, millrace)
    return millrace.idea_of(item_id) or item_id


def _resolve(name: str, millrace: Backend) -> str:
    if is_item_id(name):
        return name
    stored = tuple(millrace.stored_requests())
    requested = sorted(
        item_id for item_id, request_hash in stored if is_named(item_id, request_hash, name)
    )
    if requested:
        return _only(requested, name, "each with another text")
    ids = {item.item_id for item in millrace.list_items()} | {item_id for item_id, _ in stored}
    if name in ids:
        return name
    beginning = sorted(item_id for item_id in ids if item_id.startswith(name))
    if beginning and len(name) < _LEAST_PREFIX:
        raise InvalidRequest(
            f"{name!r} is too short: an abbreviation of an item's id has at least {_LEAST_PREFIX} "
            "characters",
            field="resume",
            suggested_action="type more characters of the id that `millracer list` shows",
        )
    return _only(beginning, name, "whose ids begin so") if beginning else name


def _only(found: Sequence[str], name: str, how: str) -> str:
    if len(found) > 1:
        shown = ", ".join(found[:_MOST_SHOWN]) + (", …" if len(found) > _MOST_SHOWN else "")
        raise InvalidRequest(
            f"{name} names {len(found)} work items, {how}: {shown}",
            field="resume",
            suggested_action="name one of them by its own id",
        )
    return found[0]
