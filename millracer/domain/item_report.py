"""Everything that is known about one work item."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.run.completion import Verdict
from millracer.domain.run.evidence import Fact, LineageItem
from millracer.domain.run.result import NextStep
from millracer.domain.work.changes import Changes
from millracer.domain.work.items import ItemStatus
from millracer.domain.work.runtime import JsonObject
from millracer.domain.work.stages import StageReport
from millracer.domain.work.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReport:
    """One item whole.

    Attributes:
        title: the heading of its document; untrusted text, as `task`.
        task: its request as it was given, else its document; None if there is neither.
        lineage: the item and its descendants, parents before children.
        stages: the stages that ran for the item or its lineage, by start time.
        changes: what changed in the workspace during its work, or why that is not known.
        failure: why a blocked item's stage runner failed, in its words; None if that is not known.
    """

    workspace: str
    item_status: ItemStatus
    title: str
    task: str | None
    lineage: tuple[LineageItem, ...]
    stages: tuple[StageReport, ...]
    changes: Changes
    verdict: Verdict
    failure: str | None
    next_steps: tuple[NextStep, ...]
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLog:
    """One stage and its transcript."""

    report: StageReport
    transcript: Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTrace:
    """Millrace's evidence about one item.

    Attributes:
        facts: each with its source.
        traces: Millrace's own traces of the runs, unchanged.
    """

    workspace: str
    item_status: ItemStatus
    facts: tuple[Fact, ...]
    traces: tuple[JsonObject, ...]
    version: str | None
