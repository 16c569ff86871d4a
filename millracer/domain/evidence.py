"""What Millrace was found to say about a work item: facts for the gate, each with its origin.

A fact names the item, the run where there is one, the command or file it came from and when it was
read. Facts are gathered by adapters and judged only in `completion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from millracer.domain.work import IntakeKind, ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFact:
    """Millrace says where an item stands."""

    item_id: str
    work_kind: str  #: task, probe, spec, incident or idea
    state: ItemState
    source: str
    observed_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFact:
    """Millrace's trace says how one stage of a run ended.

    Attributes:
        run_status: the status of the whole run (`complete` when it ended properly).
        request_kind: `active_work_item`, or `closure_target` for an Arbiter's run.
    """

    run_id: str
    item_id: str | None
    work_kind: str | None
    stage: str
    terminal_result: str | None
    run_status: str | None
    request_kind: str | None
    source: str
    observed_at: datetime
    root_spec_id: str | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All facts gathered about one work item of one intake kind; order has no meaning."""

    item_id: str
    kind: IntakeKind | None
    items: tuple[ItemFact, ...] = ()
    stages: tuple[StageFact, ...] = ()
