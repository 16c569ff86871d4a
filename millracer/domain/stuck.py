"""Telling a loop without progress from long work.

Long work reaches places it has not been: another stage result, another item, another state. A loop
reports the same stage result of the same item again and again while nothing of the lineage gets
anywhere new. A dependency that cannot be met is another way to wait for ever.
"""

from __future__ import annotations

from collections import Counter

from millracer.domain.lineage import LineageItem
from millracer.domain.work import ItemState, RuntimeEvent, RuntimeStatus, Standing

#: How often the same may happen without anything new before it is a loop; Millrace's own limits for
#: fixing and retrying are well below.
REPETITIONS = 8

_STAGE_COMPLETED = "stage_completed"


class RepetitionCount:
    """Counts what happens again while nothing of the lineage gets anywhere new."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._places: set[tuple[str, ItemState]] = set()

    def note(self, event: RuntimeEvent) -> None:
        """Count one stage's end of our lineage; other events are not counted."""
        if event.event_type == _STAGE_COMPLETED and event.item_id and event.stage:
            result = event.terminal_result or "no result"
            self._counts[event.item_id, event.stage, result, event.failure_class or ""] += 1

    def note_places(self, standing: Standing, lineage: tuple[LineageItem, ...]) -> None:
        """Begin anew when the item or a member of its lineage is where it never was before."""
        places = {(standing.item_id, standing.state)}
        places.update((member.item_id, member.state) for member in lineage)
        if not places <= self._places:
            self._places |= places
            self._counts.clear()

    def verdict(self) -> str | None:
        """Say what repeats, or None while it may be progress."""
        if max(self._counts.values(), default=0) < REPETITIONS:
            return None
        repeated = [(key, count) for key, count in self._counts.items() if count > REPETITIONS // 2]
        return "no progress: " + ", ".join(
            f"{stage} of {item_id} ended {result}{f' ({failure})' if failure else ''} {count} times"
            for (item_id, stage, result, failure), count in repeated
        )


def unmeetable(lineage: tuple[LineageItem, ...], status: RuntimeStatus | None) -> str | None:
    """Name what waits for something that cannot come, if nothing else of the lineage goes on.

    Args:
        lineage: the item and what came out of it.
        status: the runtime's last status; while a run is active, something may still come of it.
    """
    waiting = [member for member in lineage if member.waits_for]
    moving = [member for member in lineage if member.state.is_live and not member.waits_for]
    if not waiting or moving or status is None or status.active_run_count:
        return None
    return "waiting for what cannot come: " + "; ".join(
        f"{member.work_kind} {member.item_id} depends on {', '.join(member.waits_for)}"
        for member in waiting
    )
