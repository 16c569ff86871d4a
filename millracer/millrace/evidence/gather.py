"""Gather Millrace's facts about one item and its lineage for the completion gate; judge nothing.

The structure of the lineage is read from Millrace's files (`evidence.lineage`). The facts that
decide come from `millrace` commands, of one to three seconds each:

- for any item one `queue show`, unless its status is fresh;
- for a task one `runs trace` per run, the newest first, until a run's updater settles it;
- for a probe the trace of recon's run; then one `queue show` of the derived item, and the trace of
  the derived task's run, or of the Arbiter's run for the derived spec;
- for an idea or a spec the trace of the Arbiter's run that its closed closure target names;
- for each of a few blocked members one `queue show`.

The runs of an item are read from the event log; `runs ls` is called only if the log names none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import PROBE, SPEC, TASK
from millracer.domain.run.evidence import Evidence, ItemFact, StageFact, StageProof
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ProtocolError
from millracer.millrace.commands.calls import TOOL, WRONG_PROGRAM, refusal
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.evidence.lineage import MillraceLineage
from millracer.millrace.evidence.traces import spawn_facts, stage_facts
from millracer.millrace.files.items.status import MillraceItems
from millracer.millrace.wire.json_documents import RunTrace, parse
from millracer.millrace.wire.stage_results import (
    RECON,
    RESULT_NAMES,
    RUN_ACTIVE,
    RUN_COMPLETE,
    proof_of,
)
from millracer.millrace.wire.text_output import parse_runs
from millracer.system.processes import Completed

_NEVER_RAN = frozenset({ItemState.MAILBOX, ItemState.INBOX, ItemState.INVALID, ItemState.REFUSED})
_FRESH = timedelta(seconds=10)
#: Of a done item, the newest run settles it; older runs are interrupted attempts.
_RUNS_READ_WHEN_DONE = 5
_RUNS_READ_OTHERWISE = 1
#: More than one child proves nothing; two are looked up so that the verdict can report it.
_CHILDREN_LOOKED_UP = 2
_BLOCKED_LOOKED_UP = 3
_READS_OF_AN_ENDING_RUN = 4
_ENDING_SECONDS = 0.3
_IDEA = "idea"


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceEvidence:
    """Gathers facts in one workspace; `now` is the wall clock."""

    questions: MillraceQuestions
    items: MillraceItems
    lineage: MillraceLineage
    now: Callable[[], datetime]

    def gather(self, item_status: ItemStatus, wait: Wait) -> Evidence:
        """Read the state of the item and its lineage and how the deciding runs ended; see the port.

        Raises:
            ToolFailed: Millrace refused to list or trace its runs.
            ProtocolError: Millrace's answer does not match its contract.
        """
        age = self.now() - item_status.observed_at
        if not timedelta(0) <= age <= _FRESH:
            item_status = self.items.look_up(item_status.item_id, wait)
        gathering = _Gathering(self, item_status, wait)
        gathering.read_proofs()
        gathering.look_up_blocked()
        return gathering.evidence()


class _Gathering:
    """One gathering: a sketch from the files, replaced step by step by Millrace's answers."""

    def __init__(self, gatherer: MillraceEvidence, item_status: ItemStatus, wait: Wait) -> None:
        self._gatherer = gatherer
        self._item_status = item_status
        self._wait = wait
        sketch = gatherer.lineage.trace(item_status)
        self._places = {fact.item_id: fact for fact in sketch.items}
        self._spawns = sketch.spawns
        self._closures = {fact.root_spec_id: fact for fact in sketch.closures}
        self._stages: list[StageFact] = []
        self._looked_up: set[str] = set()
        self._add_own_fact()

    def read_proofs(self) -> None:
        """Read the proof of the item itself, or of the items derived from it."""
        item_id = self._item_status.item_id
        if self._item_status.kind is IntakeKind.IDEA:
            self._read_children(
                [fact.child_id for fact in self._spawns if fact.parent_id == item_id]
            )
            return
        self._read_proof(item_id)
        place = self._places.get(item_id)
        if place is not None and (place.work_kind, place.state) == (PROBE, ItemState.DONE):
            runs = {fact.run_id for fact in self._stages}
            self._read_children([fact.child_id for fact in self._spawns if fact.run_id in runs])

    def look_up_blocked(self) -> None:
        """Look up a few members that the files show as blocked."""
        blocked = [fact for fact in self._places.values() if fact.state is ItemState.BLOCKED]
        for fact in blocked[:_BLOCKED_LOOKED_UP]:
            self._look_up(fact.item_id)

    def evidence(self) -> Evidence:
        """Return the gathered facts."""
        return Evidence(
            item_id=self._item_status.item_id,
            kind=self._item_status.kind,
            items=tuple(self._places.values()),
            stages=tuple(self._stages),
            spawns=self._spawns,
            closures=tuple(self._closures.values()),
            result_names=RESULT_NAMES,
        )

    def _add_own_fact(self) -> None:
        item_status = self._item_status
        if item_status.state is ItemState.ABSENT:
            self._places.pop(item_status.item_id, None)
            return
        work_kind = item_status.work_kind or "unknown"
        self._looked_up.add(item_status.item_id)
        if item_status.kind is IntakeKind.IDEA and item_status.millrace_id != item_status.item_id:
            self._looked_up.add(item_status.millrace_id or item_status.item_id)
            if item_status.millrace_id in self._places:
                self._add_fact(item_status.millrace_id, work_kind, item_status)
            work_kind = _IDEA
        self._add_fact(item_status.item_id, work_kind, item_status)

    def _add_fact(self, item_id: str, work_kind: str, item_status: ItemStatus) -> None:
        self._places[item_id] = ItemFact(
            item_id=item_id,
            work_kind=work_kind,
            state=item_status.state,
            source=item_status.source,
            observed_at=item_status.observed_at,
            detail=item_status.detail,
        )

    def _look_up(self, item_id: str) -> None:
        """Look up a member's state in Millrace; drop a member that Millrace does not know."""
        if item_id in self._looked_up:
            return
        self._looked_up.add(item_id)
        item_status = self._gatherer.items.look_up(item_id, self._wait)
        if item_status.state is ItemState.ABSENT:
            self._places.pop(item_id, None)
        else:
            self._add_fact(item_id, item_status.work_kind or "unknown", item_status)

    def _read_children(self, children: list[str]) -> None:
        """Read the proofs of the items derived from this one."""
        for child_id in list(dict.fromkeys(children))[:_CHILDREN_LOOKED_UP]:
            self._look_up(child_id)
            self._read_proof(child_id)

    def _read_proof(self, item_id: str) -> None:
        place = self._places.get(item_id)
        if place is None or place.state in _NEVER_RAN:
            return
        if place.work_kind == SPEC:
            self._read_closure(item_id)
        elif place.work_kind in {TASK, PROBE}:
            for trace in self._fetch_traces(place):
                self._add_trace(trace)

    def _read_closure(self, spec_id: str) -> None:
        closure = self._gatherer.lineage.closure_of(spec_id)
        if closure is None:
            return
        self._closures[spec_id] = closure
        if closure.open or closure.closing_run_id is None:
            return
        trace = self._fetch_trace(closure.closing_run_id, ended=True)
        if trace is not None:
            self._add_trace(trace)

    def _add_trace(self, trace: RunTrace) -> None:
        """Add a run's stages; recon's run also replaces the files' spawn facts by its own."""
        source = self._gatherer.questions.describe(*_trace_command(trace.run_id))
        now = self._gatherer.now()
        failures = self._gatherer.lineage.runner_failures(trace)
        self._stages += stage_facts(trace, source, now, failures)
        if trace.work_item_id == self._item_status.item_id and self._item_status.work_kind == PROBE:
            derived = tuple(spawn_facts(trace, source, now))
            known = {fact.child_id for fact in derived}
            self._spawns = derived + tuple(s for s in self._spawns if s.child_id not in known)

    def _fetch_traces(self, place: ItemFact) -> Iterator[RunTrace]:
        done = place.state is ItemState.DONE
        limit = _RUNS_READ_WHEN_DONE if done else _RUNS_READ_OTHERWISE
        for run_id in self._find_run_ids(place.item_id)[:limit]:
            trace = self._fetch_trace(run_id, ended=done or place.state is ItemState.BLOCKED)
            if trace is not None:
                yield trace
                if _settles(trace, place.item_id):
                    return

    def _find_run_ids(self, item_id: str) -> tuple[str, ...]:
        """Return the item's runs, the newest first, or in the order of `runs ls`."""
        found = self._gatherer.lineage.run_ids(item_id)
        if found:
            return found
        listed = parse_runs(self._gatherer.questions.succeed("runs", "ls", wait=self._wait).stdout)
        return tuple(run.run_id for run in listed if run.item_id == item_id)

    def _fetch_trace(self, run_id: str, *, ended: bool) -> RunTrace | None:
        """Return a run's trace, None if Millrace has lost the run.

        An item's file moves a moment before its run is closed, so an active run of an ended item is
        read again a few times.
        """
        trace = None
        for _ in range(_READS_OF_AN_ENDING_RUN):
            completed = self._call(*_trace_command(run_id))
            if completed.exit_code != 0:
                return None
            trace = _parse_trace(completed.stdout, run_id)
            if not ended or trace.status != RUN_ACTIVE:
                break
            self._wait.sleep(_ENDING_SECONDS)
        return trace

    def _call(self, *arguments: str) -> Completed:
        completed = self._gatherer.questions.ask(*arguments, wait=self._wait)
        if completed.exit_code != 0 and "run not found" not in completed.stdout:
            raise refusal(completed)
        return completed


def _trace_command(run_id: str) -> tuple[str, ...]:
    return ("runs", "trace", run_id, "--format", "json")


def _parse_trace(stdout: str, run_id: str) -> RunTrace:
    trace = parse(RunTrace, stdout, f"the trace of {run_id}")
    if trace.run_id != run_id:
        raise ProtocolError(
            TOOL,
            f"`millrace runs trace {run_id}` printed the trace of run {trace.run_id}",
            raw=stdout,
            suggested_action=WRONG_PROGRAM,
        )
    return trace


def _settles(trace: RunTrace, item_id: str) -> bool:
    """Whether this run settles the item, so that no older run can add a fact."""
    return trace.status == RUN_COMPLETE and any(
        node.work_item_id == item_id
        and (
            node.stage == RECON
            or proof_of(node.stage, node.terminal_result, None) is StageProof.WORK_RECORDED
        )
        for node in trace.nodes
    )
