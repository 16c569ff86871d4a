"""The stages that a scripted backend ran, as reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from millracer.domain.work.items import ItemState
from millracer.domain.work.runs import RunReport
from millracer.domain.work.runtime import RuntimeEvent
from millracer.domain.work.stages import StageReport, TokenUsage
from millracer.domain.work.transcript import Transcript

TOKENS = TokenUsage(input=10, output=2, total=12)
STAGE_COST = 0.25
_STAGE_SECONDS = 1.0


class ScriptedStages:
    """Records the start and end of stages; an ended stage took a second, 12 tokens and 25 cents.

    Attributes:
        reports: the stages so far, oldest first; tests may change them at any time.
        transcripts: of stages, by request id; tests may add them at any time.
    """

    def __init__(self, begin: datetime) -> None:
        self.reports: list[StageReport] = []
        self.transcripts: dict[str, Transcript] = {}
        self._clock = begin

    def begin(self, item_id: str, stage: str, run_id: str) -> None:
        """Start a stage; a stage of the same item that has not ended succeeds."""
        self.end(item_id)
        self.reports.append(
            StageReport(
                item_id=item_id,
                run_id=run_id,
                request_id=f"request-{len(self.reports) + 1}",
                stage=stage,
                run_folder=f"millrace-agents/runs/{run_id}",
                started_at=self._clock,
                model="gpt-5.5",
                thinking="medium",
                runner="pi_rpc",
            )
        )

    def end(self, item_id: str, result: str | None = None) -> None:
        """End the item's running stage, if any; by default with success."""
        for index, report in enumerate(self.reports):
            if report.item_id == item_id and report.result is None:
                self._clock += timedelta(seconds=_STAGE_SECONDS)
                self.reports[index] = replace(
                    report,
                    plane="execution",
                    result=result or _SUCCESS.get(report.stage, f"{report.stage.upper()}_COMPLETE"),
                    completed_at=self._clock,
                    seconds=_STAGE_SECONDS,
                    tokens=TOKENS,
                    cost_usd=STAGE_COST,
                    cost_unknown=None,
                )

    def note(self, events: Iterable[RuntimeEvent], item_id: str) -> None:
        """Begin and end stages as events say; an event without an item is about `item_id`."""
        for event in events:
            if event.begins_stage and event.stage and event.run_id:
                self.begin(event.item_id or item_id, event.stage, event.run_id)
            elif event.ends_stage:
                self.end(event.item_id or item_id, event.terminal_result)

    def end_item(self, item_id: str, state: ItemState, *, proven: bool) -> None:
        """End the running stage as its item ends; a proven item was ended by its updater."""
        if state is ItemState.BLOCKED:
            self.end(item_id, "BLOCKED")
        elif state is ItemState.DONE and proven:
            if all(report.stage != "updater" for report in self.of((item_id,))):
                self.begin(item_id, "updater", "run-1")
            self.end(item_id)

    def runs(self) -> tuple[RunReport, ...]:
        """Return the runs of the stages, the oldest first; a trace has the run and its stages."""
        run_ids = dict.fromkeys(report.run_id for report in self.reports)
        return tuple(map(self._run, run_ids))

    def _run(self, run_id: str) -> RunReport:
        stages = tuple(report for report in self.reports if report.run_id == run_id)
        nodes = [{"stage": each.stage, "terminal_result": each.result} for each in stages]
        return RunReport(
            run_id=run_id,
            run_folder=stages[0].run_folder,
            stages=stages,
            status=None if stages[-1].result is None else "complete",
            trace={"run_id": run_id, "nodes": nodes},
        )

    def of(self, item_ids: Iterable[str]) -> tuple[StageReport, ...]:
        """Return the stages of these items."""
        items = frozenset(item_ids)
        return tuple(report for report in self.reports if report.item_id in items)


_SUCCESS = {"checker": "CHECKER_PASS", "updater": "UPDATE_COMPLETE"}
