"""Find items of the fleet, and wait until they have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from millracer.cancellation import Wait
from millracer.domain.fleet.items import FleetItem, FleetItemDetail, FleetItemState, ItemFilter
from millracer.errors import FleetUnreachable, InvalidRequest
from millracer.ports.fleet_store import FleetStore

_POLL_SECONDS: Final = 0.5
#: A wait survives this much time without the database.
_OUTAGE_SECONDS: Final = 60.0


def find_detail(store: FleetStore, name: str) -> FleetItemDetail:
    """Return the item with an id, or with a unique beginning of it.

    Raises:
        InvalidRequest: the fleet has no such item, or several.
        FleetUnreachable: the database cannot be reached.
    """
    found = store.find_item(name)
    if found is not None:
        return found
    listed = store.list_items(ItemFilter(open_only=False)).items if name else ()
    ids = [each.item_id for each in listed if each.item_id.startswith(name)]
    if len(ids) == 1:
        found = store.find_item(ids[0])
    if found is None:
        problem = f"{len(ids)} items begin with {name!r:.200}" if ids else f"no item {name!r:.200}"
        raise InvalidRequest(
            f"the fleet has {problem}",
            field="work_item_id",
            suggested_action="list the items with `millracer fleet ps --all`",
        )
    return found


def await_ends(
    store: FleetStore,
    item_ids: Sequence[str],
    wait: Wait,
    on_change: Callable[[FleetItem], None],
) -> list[FleetItemDetail]:
    """Return the items once all have ended or the wait is over.

    Args:
        store: the fleet.
        item_ids: existing items.
        wait: bounds the wait.
        on_change: called with each item first, and after each change.

    Raises:
        FleetUnreachable: the database was away for a minute, or at the first read.
        Cancelled: the caller requested a stop.
    """
    shown: dict[str, object] = {}
    found: dict[str, FleetItemDetail] = {}
    away_since: float | None = None
    while True:
        try:
            for item_id in item_ids:
                if item_id in found and found[item_id].item.state is FleetItemState.ENDED:
                    continue
                detail = find_detail(store, item_id)
                found[item_id] = detail
                if shown.get(item_id) != (seen := _visible(detail.item)):
                    shown[item_id] = seen
                    on_change(detail.item)
            away_since = None
        except FleetUnreachable:
            away_since = away_since or time.monotonic()
            if len(found) < len(set(item_ids)) or time.monotonic() - away_since > _OUTAGE_SECONDS:
                raise
        items = [each.item for each in found.values()]
        if wait.expired or all(each.state is FleetItemState.ENDED for each in items):
            return [found[item_id] for item_id in item_ids]
        wait.sleep(_POLL_SECONDS)


def _visible(item: FleetItem) -> object:
    """Return what a person sees of an item."""
    return (
        item.state,
        item.reason,
        item.reason_subject,
        item.attempts,
        item.cancel_requested_at,
        item.outcome,
        item.progress,
    )
