"""Check the budgets of a run between two stages."""

from __future__ import annotations

from collections.abc import Callable

from millracer.cancellation import Wait
from millracer.domain.run.budget import explain_exhausted, has_budget
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import lineage_of
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.ports import Agent, Backend
from millracer.run.context import RunContext

#: Returns the step that ends the watch, None while another stage may begin.
BudgetCheck = Callable[[Wait], Step | None]


def budget_check(record: RunContext, millrace: Backend, pi: Agent) -> BudgetCheck:
    """Return the check of the run's budgets; it reads files only."""

    def check(wait: Wait) -> Step | None:
        limits = record.request.limits
        if not has_budget(limits) or record.item_status is None:
            return None
        record.lineage = lineage_of(millrace.trace_lineage(record.item_status))
        stages = millrace.stage_reports(record.item_ids, wait)
        reason = explain_exhausted(limits, stages, pi.usage.since(record.agent_before))
        if reason is None:
            return None
        return Step(RunEvent.WATCH_ENDED, Ending.BUDGET_EXHAUSTED, reason)

    return check
