"""Which ends of stages pi is told of while a run goes on: those after which something is settled.

Pure. Whether the stage belongs to our lineage is the caller's knowledge.
"""

from __future__ import annotations

from millracer.domain.work import RuntimeEvent

_STAGE_COMPLETED = "stage_completed"
_NOTABLE_RESULTS = frozenset({"UPDATE_COMPLETE", "MANAGER_COMPLETE", "REMEDIATION_NEEDED"})
_RECON_PREFIX = "RECON_"

#: What makes two tellings the same: run, stage and result.
NoticeKey = tuple[str | None, str | None, str | None]


def notable(event: RuntimeEvent) -> str | None:
    """Return what to tell pi of this event, None when it is not worth a turn."""
    result = event.terminal_result
    if event.event_type != _STAGE_COMPLETED or not event.stage or not result:
        return None
    if result not in _NOTABLE_RESULTS and not result.startswith(_RECON_PREFIX):
        return None
    item = "" if event.item_id is None else f" for {event.item_kind or 'item'} {event.item_id}"
    return f"{event.stage} ended {result}{item}"


def notice_key(event: RuntimeEvent) -> NoticeKey:
    """Return what pi is told of once only."""
    return event.run_id, event.stage, event.terminal_result
