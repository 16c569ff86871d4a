"""Find items of the fleet, and wait until they have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from millracer.cancellation import Wait
from millracer.domain.fleet.items import FleetItem, FleetItemDetail, FleetItemState
from millracer.errors import FleetUnreachable, InvalidRequest
from millracer.operations.context import OperationContext
from millracer.ports.fleet_store import FleetStore

_POLL_SECONDS: Final = 0.5
#: A wait survives this much time without the database.
_OUTAGE_SECONDS: Final = 60.0

_Value = TypeVar("_Value")


def find_named(store: FleetStore, name: str) -> FleetItemDetail:
    """Return the item that a user names by its id, or by a unique beginning of it.

    Raises:
        InvalidRequest: the fleet has no such item, or several.
        FleetUnreachable: the database cannot be reached.
    """
    found = store.find_item(name)
    if found is not None:
        return found
    ids = store.find_ids(name) if name else ()
    if len(ids) > 1:
        raise InvalidRequest(
            f"several items of the fleet begin with {name!r:.200}, such as {' and '.join(ids)}",
            field="work_item_id",
            suggested_action="type more characters of the id that `millracer fleet ps --all` shows",
        )
    if not ids:
        raise _not_found(f"no item {name!r:.200}")
    return read_item(store, ids[0])


def read_item(store: FleetStore, item_id: str) -> FleetItemDetail:
    """Return the item with an id.

    Raises:
        InvalidRequest: the fleet has no such item, as after a prune.
        FleetUnreachable: the database cannot be reached.
    """
    found = store.find_item(item_id)
    if found is None:
        raise _not_found(f"no item {item_id!r:.200}")
    return found


def _not_found(problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"the fleet has {problem}",
        field="work_item_id",
        suggested_action="list the items with `millracer fleet ps --all`",
    )


class OutageTolerance(Generic[_Value]):
    """Repeat a read of the fleet, and survive an outage of the database of at most a minute.

    Args:
        read: one read; it raises FleetUnreachable during an outage.
        on_outage: called with the error at the start of each outage.
    """

    def __init__(
        self,
        read: Callable[[], _Value],
        on_outage: Callable[[FleetUnreachable], None] = lambda _error: None,
    ) -> None:
        self._read = read
        self._on_outage = on_outage
        self._values: list[_Value] = []
        self._away_since: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether the last read failed."""
        return self._away_since is not None

    def read(self) -> _Value:
        """Return the value; during an outage, the last one that was read.

        Raises:
            FleetUnreachable: the first read failed, or the outage lasts longer than a minute.
        """
        try:
            self._values = [self._read()]
            self._away_since = None
        except FleetUnreachable as error:
            if not self._values:
                raise
            if self._away_since is None:
                self._away_since = time.monotonic()
                self._on_outage(error)
            if time.monotonic() - self._away_since > _OUTAGE_SECONDS:
                raise
        return self._values[0]


def wait_of(context: OperationContext, seconds: float | None) -> Wait:
    """Return the wait of an operation; None: without a limit."""
    wait = Wait(context.cancellation)
    return wait if seconds is None else wait.within(seconds)


def await_ends(
    store: FleetStore, item_ids: Sequence[str], context: OperationContext, seconds: float | None
) -> list[FleetItemDetail]:
    """Return the items once all have ended or the time is over.

    The context's listener gets each item first, and after each change.

    Args:
        store: the fleet.
        item_ids: ids of existing items.
        context: its cancellation ends the wait.
        seconds: the longest wait; None: no limit.

    Raises:
        InvalidRequest: an item was pruned meanwhile.
        FleetUnreachable: the database was away for a minute, or at the first read.
        Cancelled: the caller requested a stop.
    """
    found: dict[str, FleetItemDetail] = {}

    def read() -> bool:
        for item_id in item_ids:
            known = found.get(item_id)
            if known is not None and known.item.state is FleetItemState.ENDED:
                continue
            detail = found[item_id] = read_item(store, item_id)
            if known is None or _visible(known.item) != _visible(detail.item):
                context.fleet.on_change(detail.item)
        return all(each.item.state is FleetItemState.ENDED for each in found.values())

    wait_of(context, seconds).until(OutageTolerance(read).read, every=_POLL_SECONDS)
    return [found[item_id] for item_id in item_ids]


def await_end(
    store: FleetStore, item_id: str, context: OperationContext, seconds: float | None
) -> FleetItemDetail:
    """Return one item once it has ended or the time is over; raises as `await_ends` does."""
    (detail,) = await_ends(store, (item_id,), context, seconds)
    return detail


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
