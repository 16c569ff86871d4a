"""Find the work item that a caller names."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import InvalidRequest
from millracer.ports import Backend
from millracer.run.prepare.lookup import item_named


def find_item(name: str, millrace: Backend, wait: Wait) -> ItemStatus:
    """Return the status of a named item.

    Args:
        name: the item's id, its request id, or a unique beginning of its id.
        millrace: the workspace's backend.
        wait: bounds the calls of Millrace.

    Raises:
        InvalidRequest: the workspace holds no such item, or the name is ambiguous.
    """
    item_status = millrace.look_up(item_named(name, millrace), wait)
    if item_status.state is ItemState.ABSENT:
        raise unknown_item(name, millrace)
    return item_status


def unknown_item(name: str, millrace: Backend) -> InvalidRequest:
    """Return the error for a name of no item in the workspace."""
    return InvalidRequest(
        f"workspace {millrace.workspace} holds no work item {name}",
        field="work_item_id",
        suggested_action="list the items with `millracer list`, or check --workspace",
    )
