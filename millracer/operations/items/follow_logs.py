"""Follow an item's stages: return each transcript when its stage has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from millracer.cancellation import Wait
from millracer.domain.item_report import StageLog
from millracer.domain.run.evidence import lineage_of
from millracer.domain.work.items import ItemStatus
from millracer.operations.items.item_reports import read_logs
from millracer.ports import Backend


def follow_logs(
    item_status: ItemStatus, stage: str | None, millrace: Backend, wait: Wait
) -> Iterator[StageLog]:
    """Yield the transcript of each ended stage, past ones first, until the item's work has ended.

    A stage that was cut off is yielded when the item's work has ended.

    Args:
        item_status: the item.
        stage: only stages of this name; None for all.
        millrace: the workspace's backend.
        wait: its cancellation ends the watch.

    Raises:
        Cancelled: the caller asked to stop.
    """
    shown: set[str] = set()
    with closing(millrace.supervisor.observe()) as observer:
        while True:
            observer.next_change(wait)
            item_status = millrace.look_up(item_status.item_id, wait)
            is_live = _is_live(item_status, millrace)
            for log in read_logs(item_status, None, millrace, wait):
                is_over = log.report.result is not None or not is_live
                if log.report.request_id not in shown and is_over:
                    shown.add(log.report.request_id)
                    if stage in {None, log.report.stage}:
                        yield log
            if not is_live:
                return


def _is_live(item_status: ItemStatus, millrace: Backend) -> bool:
    members = lineage_of(millrace.trace_lineage(item_status))
    return item_status.state.is_live or any(member.state.is_live for member in members)
