"""Find the item of events that name none: the start of a closure run, such as the Arbiter's.

Millrace logs the item of such a run only when its stage ends. The snapshot names the closure target
of a run while it is active; if it is read too late, the event of the stage's end names the item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from millracer.domain.run.completion import SPEC
from millracer.domain.work.runtime import RuntimeEvent
from millracer.millrace.wire.state_files import Snapshot

#: How many starts without an item are kept until a later event names it.
_KEPT_STARTS = 50


class EventOwners:
    """Completes the events of one log, in their order."""

    def __init__(self) -> None:
        self._starts: dict[str, RuntimeEvent] = {}

    def complete(
        self, events: Iterable[RuntimeEvent], snapshot: Snapshot | None
    ) -> tuple[RuntimeEvent, ...]:
        """Return the events with the items of closure runs.

        A start whose item is not known yet is returned without one, and again, with it, before the
        first event that names the item.

        Args:
            events: the next events of the log.
            snapshot: read after them.
        """
        return tuple(self._completed(list(events), snapshot))

    def _completed(
        self, events: list[RuntimeEvent], snapshot: Snapshot | None
    ) -> Iterator[RuntimeEvent]:
        owners = {each.run_id: (each.item_kind, each.item_id) for each in events if each.item_id}
        for run in () if snapshot is None else snapshot.active_runs_by_plane.values():
            if run.closure_target_root_spec_id is not None:
                owners[run.run_id] = (SPEC, run.closure_target_root_spec_id)
        for event in events:
            run_id = event.run_id
            if run_id is None:
                yield event
            elif event.item_id is not None:
                start = self._starts.pop(run_id, None)
                if start is not None:
                    yield replace(start, item_kind=event.item_kind, item_id=event.item_id)
                yield event
            elif run_id in owners:
                kind, item_id = owners[run_id]
                yield replace(event, item_kind=kind, item_id=item_id)
            else:
                self._keep(run_id, event)
                yield event

    def _keep(self, run_id: str, event: RuntimeEvent) -> None:
        if event.begins_stage:
            self._starts[run_id] = event
            if len(self._starts) > _KEPT_STARTS:
                del self._starts[next(iter(self._starts))]
