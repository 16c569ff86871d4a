"""The lineage of a work item: it and everything that came out of it, from gathered facts."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.evidence import Evidence, ItemFact, SpawnFact
from millracer.domain.work import ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageItem:
    """One member of a lineage; the item itself has no parent."""

    item_id: str
    work_kind: str
    state: ItemState
    how: str
    source: str
    parent_id: str | None = None
    waits_for: tuple[str, ...] = ()


def lineage_of(evidence: Evidence) -> tuple[LineageItem, ...]:
    """Return the item and its descendants, parents before children, each once.

    A member whose place nobody knows is absent. Where facts name two places for one member, the
    last one counts: that is what was read last.
    """
    places: dict[str, ItemFact] = {fact.item_id: fact for fact in evidence.items}
    members = [_member(evidence.item_id, None, places)]
    known = {evidence.item_id}
    for member in members:
        for spawn in evidence.spawns:
            if spawn.parent_id == member.item_id and spawn.child_id not in known:
                known.add(spawn.child_id)
                members.append(_member(spawn.child_id, spawn, places))
    return tuple(members)


def _member(item_id: str, spawn: SpawnFact | None, places: dict[str, ItemFact]) -> LineageItem:
    place = places.get(item_id)
    kind = "unknown" if spawn is None else spawn.child_kind
    return LineageItem(
        item_id=item_id,
        work_kind=kind if place is None else place.work_kind,
        state=ItemState.ABSENT if place is None else place.state,
        how="the work item itself" if spawn is None else spawn.how,
        source=_source(place, spawn),
        parent_id=None if spawn is None else spawn.parent_id,
        waits_for=() if place is None else place.waits_for,
    )


def _source(place: ItemFact | None, spawn: SpawnFact | None) -> str:
    if place is not None:
        return place.source
    return "" if spawn is None else spawn.source
