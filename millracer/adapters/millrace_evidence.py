"""Gathers what Millrace says about one item, as facts for the gate; judges nothing.

Calls of `millrace`: `queue show` unless the standing was just read from it; then one `runs trace` a
run, the newest first, and no more once a run's updater settled a task. Which runs are the item's is
read from the event log, which costs nothing; only where that names none is `runs ls` asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from millracer.adapters.millrace_calls import refusal
from millracer.adapters.millrace_events import newest_events
from millracer.adapters.millrace_items import MillraceItems
from millracer.adapters.millrace_questions import MillraceQuestions
from millracer.adapters.millrace_text import parse_runs
from millracer.adapters.process import Completed
from millracer.contracts.millrace import RunTrace, parse
from millracer.domain.completion import RUN_COMPLETE, UPDATE_COMPLETE, UPDATER_STAGE
from millracer.domain.evidence import Evidence, ItemFact, StageFact
from millracer.domain.work import ItemState, Standing
from millracer.waiting import Wait

_FRESH = timedelta(seconds=10)
#: A done item's runs: the newest settles it, older ones are its attempts that were cut off.
_RUNS_READ_WHEN_DONE = 5
_RUNS_READ_OTHERWISE = 1
_RUN_ACTIVE = "active"
_READS_OF_AN_ENDING_RUN = 4
_ENDING_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceEvidence:
    """Gathers facts in one workspace; `now` is the wall clock."""

    questions: MillraceQuestions
    items: MillraceItems
    now: Callable[[], datetime]

    def gather(self, standing: Standing, wait: Wait) -> Evidence:
        """Read the item's own state and its runs' stages; see the port.

        Raises:
            ToolFailed: Millrace would not tell about its runs.
            ProtocolError: it told outside its contract.
        """
        current = self._current(standing, wait)
        return Evidence(
            item_id=current.item_id,
            kind=current.kind,
            items=_item_facts(current),
            stages=tuple(self._stage_facts(current, wait)),
        )

    def _current(self, standing: Standing, wait: Wait) -> Standing:
        age = self.now() - standing.observed_at
        if timedelta(0) <= age <= _FRESH:
            return standing
        return self.items.look_up(standing.item_id, wait)

    def _stage_facts(self, standing: Standing, wait: Wait) -> Iterator[StageFact]:
        if standing.millrace_id is None:
            return
        done = standing.state is ItemState.DONE
        limit = _RUNS_READ_WHEN_DONE if done else _RUNS_READ_OTHERWISE
        for run_id in self._run_ids(standing.millrace_id, wait, limit):
            facts = self._read_run(run_id, wait, ended=done or standing.state is ItemState.BLOCKED)
            yield from facts
            if any(_settles(fact, standing.millrace_id) for fact in facts):
                return

    def _run_ids(self, millrace_id: str, wait: Wait, limit: int) -> list[str]:
        """Return the item's runs: the newest first, or as `runs ls` has them, by their ids."""
        found: dict[str, None] = {}
        for event in newest_events(self.items.paths.event_log, naming=millrace_id):
            data = event.data
            if data.work_item_id == millrace_id and data.run_id is not None:
                found.setdefault(data.run_id)
                if len(found) == limit:
                    break
        if found:
            return list(found)
        listed = parse_runs(self.questions.succeed("runs", "ls", wait=wait).stdout)
        return [run.run_id for run in listed if run.item_id == millrace_id][:limit]

    def _read_run(self, run_id: str, wait: Wait, *, ended: bool) -> list[StageFact]:
        """Read a run's stages; none where Millrace has lost the run.

        An item's file moves a moment before its run is closed: an active run of an ended item is
        read again, a few times.
        """
        arguments = ("runs", "trace", run_id, "--format", "json")
        source = f"millrace {' '.join(arguments)}"
        for _ in range(_READS_OF_AN_ENDING_RUN):
            completed = self._answer(*arguments, wait=wait)
            if completed.exit_code != 0:
                return []
            trace = parse(RunTrace, completed.stdout, f"the trace of {run_id}")
            if not ended or trace.status != _RUN_ACTIVE:
                break
            wait.sleep(_ENDING_SECONDS)
        return [
            StageFact(
                run_id=trace.run_id,
                item_id=node.work_item_id,
                work_kind=node.work_item_kind,
                stage=node.stage,
                terminal_result=node.terminal_result,
                run_status=trace.status,
                request_kind=node.request_kind or trace.request_kind,
                source=source,
                observed_at=self.now(),
                root_spec_id=node.closure_target_root_spec_id or trace.closure_target_root_spec_id,
                completed_at=node.completed_at,
            )
            for node in trace.nodes
        ]

    def _answer(self, *arguments: str, wait: Wait) -> Completed:
        completed = self.questions.ask(*arguments, wait=wait)
        if completed.exit_code != 0 and "run not found" not in completed.stdout:
            raise refusal(completed)
        return completed


def _item_facts(standing: Standing) -> tuple[ItemFact, ...]:
    if standing.state is ItemState.ABSENT:
        return ()
    return (
        ItemFact(
            item_id=standing.item_id,
            work_kind=standing.work_kind or "unknown",
            state=standing.state,
            source=standing.source,
            observed_at=standing.observed_at,
            detail=standing.detail,
        ),
    )


def _settles(fact: StageFact, item_id: str) -> bool:
    return (
        fact.item_id == item_id
        and fact.stage == UPDATER_STAGE
        and fact.terminal_result == UPDATE_COMPLETE
        and fact.run_status == RUN_COMPLETE
    )
