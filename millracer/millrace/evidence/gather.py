"""Gathers what Millrace says about one item and its lineage, as facts for the gate; judges nothing.

What hangs together is read from Millrace's files (`millrace_lineage`); what decides is asked of the
`millrace` command. Its calls, of one to three seconds each:

- for any item a `queue show`, unless the standing was just read from it;
- for a task one `runs trace` a run, the newest first, no more once a run's updater settled it;
- for a probe the trace of recon's run; then a `queue show` of what it was sent on as, and the trace
  of the derived task's run, or of the Arbiter's run for the derived spec;
- for an idea or a spec the trace of the Arbiter's run that its closed closure target names;
- for each of a few blocked members a `queue show`.

Which runs are an item's is read from the event log; only where that names none is `runs ls` asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from millracer.cancellation import Wait
from millracer.domain.completion import (
    PROBE,
    RECON_STAGE,
    RUN_COMPLETE,
    SPEC,
    TASK,
    UPDATE_COMPLETE,
    UPDATER_STAGE,
)
from millracer.domain.evidence import Evidence, ItemFact, StageFact
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.requests import IntakeKind
from millracer.errors import ProtocolError
from millracer.millrace.commands.calls import TOOL, WRONG_PROGRAM, refusal
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.evidence.lineage import MillraceLineage
from millracer.millrace.evidence.traces import spawn_facts, stage_facts
from millracer.millrace.files.items import MillraceItems
from millracer.millrace.wire.json_documents import RunTrace, parse
from millracer.millrace.wire.text_output import parse_runs
from millracer.system.processes import Completed

_NEVER_RAN = frozenset({ItemState.MAILBOX, ItemState.INBOX, ItemState.INVALID, ItemState.REFUSED})
_FRESH = timedelta(seconds=10)
#: A done item's runs: the newest settles it, older ones are its attempts that were cut off.
_RUNS_READ_WHEN_DONE = 5
_RUNS_READ_OTHERWISE = 1
#: More than one child proves nothing; two are asked for so that the verdict can say so.
_CHILDREN_ASKED = 2
_BLOCKED_ASKED = 3
_RUN_ACTIVE = "active"
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
        """Read where the item and its lineage stand and how the deciding runs ended; see the port.

        Raises:
            ToolFailed: Millrace would not tell about its runs.
            ProtocolError: it told outside its contract.
        """
        age = self.now() - item_status.observed_at
        if not timedelta(0) <= age <= _FRESH:
            item_status = self.items.look_up(item_status.item_id, wait)
        gathering = _Gathering(self, item_status, wait)
        gathering.follow()
        gathering.ask_for_the_blocked()
        return gathering.evidence()


class _Gathering:
    """One gathering: the sketch from the files, step by step replaced by Millrace's answers."""

    def __init__(self, tools: MillraceEvidence, item_status: ItemStatus, wait: Wait) -> None:
        self._tools = tools
        self._standing = item_status
        self._wait = wait
        sketch = tools.lineage.trace(item_status)
        self._places = {fact.item_id: fact for fact in sketch.items}
        self._spawns = sketch.spawns
        self._closures = {fact.root_spec_id: fact for fact in sketch.closures}
        self._stages: list[StageFact] = []
        self._asked: set[str] = set()
        self._place_itself()

    def follow(self) -> None:
        """Read what proves the item, or what has to stand for it."""
        item_id = self._standing.item_id
        if self._standing.kind is IntakeKind.IDEA:
            self._follow([fact.child_id for fact in self._spawns if fact.parent_id == item_id])
            return
        self._read_proof(item_id)
        place = self._places.get(item_id)
        if place is not None and (place.work_kind, place.state) == (PROBE, ItemState.DONE):
            runs = {fact.run_id for fact in self._stages}
            self._follow([fact.child_id for fact in self._spawns if fact.run_id in runs])

    def ask_for_the_blocked(self) -> None:
        """Ask for members that the files show as blocked."""
        blocked = [fact for fact in self._places.values() if fact.state is ItemState.BLOCKED]
        for fact in blocked[:_BLOCKED_ASKED]:
            self._ask(fact.item_id)

    def evidence(self) -> Evidence:
        """Return what was gathered."""
        return Evidence(
            item_id=self._standing.item_id,
            kind=self._standing.kind,
            items=tuple(self._places.values()),
            stages=tuple(self._stages),
            spawns=self._spawns,
            closures=tuple(self._closures.values()),
        )

    def _place_itself(self) -> None:
        item_status = self._standing
        if item_status.state is ItemState.ABSENT:
            self._places.pop(item_status.item_id, None)
            return
        work_kind = item_status.work_kind or "unknown"
        self._asked.add(item_status.item_id)
        if item_status.kind is IntakeKind.IDEA and item_status.millrace_id != item_status.item_id:
            self._asked.add(item_status.millrace_id or item_status.item_id)
            if item_status.millrace_id in self._places:
                self._place(item_status.millrace_id, work_kind, item_status)
            work_kind = _IDEA
        self._place(item_status.item_id, work_kind, item_status)

    def _place(self, item_id: str, work_kind: str, item_status: ItemStatus) -> None:
        self._places[item_id] = ItemFact(
            item_id=item_id,
            work_kind=work_kind,
            state=item_status.state,
            source=item_status.source,
            observed_at=item_status.observed_at,
            detail=item_status.detail,
        )

    def _ask(self, item_id: str) -> None:
        """Let Millrace say where a member stands; one it does not know has no place."""
        if item_id in self._asked:
            return
        self._asked.add(item_id)
        item_status = self._tools.items.look_up(item_id, self._wait)
        if item_status.state is ItemState.ABSENT:
            self._places.pop(item_id, None)
        else:
            self._place(item_id, item_status.work_kind or "unknown", item_status)

    def _follow(self, children: list[str]) -> None:
        """Read the proof of what was made of the item."""
        for child_id in list(dict.fromkeys(children))[:_CHILDREN_ASKED]:
            self._ask(child_id)
            self._read_proof(child_id)

    def _read_proof(self, item_id: str) -> None:
        place = self._places.get(item_id)
        if place is None or place.state in _NEVER_RAN:
            return
        if place.work_kind == SPEC:
            self._read_closure(item_id)
        elif place.work_kind in {TASK, PROBE}:
            for trace in self._traces(place):
                self._note(trace)

    def _read_closure(self, spec_id: str) -> None:
        closure = self._tools.lineage.closure_of(spec_id)
        if closure is None:
            return
        self._closures[spec_id] = closure
        if closure.open or closure.last_arbiter_run_id is None:
            return
        trace = self._trace(closure.last_arbiter_run_id, ended=True)
        if trace is not None:
            self._note(trace)

    def _note(self, trace: RunTrace) -> None:
        """Take a run's stages, and what recon's run made in place of what the files say of it."""
        source, now = _source(trace.run_id), self._tools.now()
        failures = self._tools.lineage.runner_failures(trace)
        self._stages += stage_facts(trace, source, now, failures)
        if trace.work_item_id == self._standing.item_id and self._standing.work_kind == PROBE:
            made = tuple(spawn_facts(trace, source, now))
            known = {fact.child_id for fact in made}
            self._spawns = made + tuple(s for s in self._spawns if s.child_id not in known)

    def _traces(self, place: ItemFact) -> Iterator[RunTrace]:
        done = place.state is ItemState.DONE
        limit = _RUNS_READ_WHEN_DONE if done else _RUNS_READ_OTHERWISE
        for run_id in self._run_ids(place.item_id)[:limit]:
            trace = self._trace(run_id, ended=done or place.state is ItemState.BLOCKED)
            if trace is not None:
                yield trace
                if _settles(trace, place.item_id):
                    return

    def _run_ids(self, item_id: str) -> tuple[str, ...]:
        """Return the item's runs: the newest first, or as `runs ls` has them, by their ids."""
        found = self._tools.lineage.run_ids(item_id)
        if found:
            return found
        listed = parse_runs(self._tools.questions.succeed("runs", "ls", wait=self._wait).stdout)
        return tuple(run.run_id for run in listed if run.item_id == item_id)

    def _trace(self, run_id: str, *, ended: bool) -> RunTrace | None:
        """Ask for a run's trace; None where Millrace has lost the run.

        An item's file moves a moment before its run is closed: an active run of an ended item is
        read again, a few times.
        """
        trace = None
        for _ in range(_READS_OF_AN_ENDING_RUN):
            completed = self._answer("runs", "trace", run_id, "--format", "json")
            if completed.exit_code != 0:
                return None
            trace = _parsed(completed.stdout, run_id)
            if not ended or trace.status != _RUN_ACTIVE:
                break
            self._wait.sleep(_ENDING_SECONDS)
        return trace

    def _answer(self, *arguments: str) -> Completed:
        completed = self._tools.questions.ask(*arguments, wait=self._wait)
        if completed.exit_code != 0 and "run not found" not in completed.stdout:
            raise refusal(completed)
        return completed


def _source(run_id: str) -> str:
    return f"millrace runs trace {run_id} --format json"


def _parsed(stdout: str, run_id: str) -> RunTrace:
    trace = parse(RunTrace, stdout, f"the trace of {run_id}")
    if trace.run_id != run_id:
        raise ProtocolError(
            TOOL,
            f"`millrace runs trace {run_id}` answered for the run {trace.run_id}",
            raw=stdout,
            suggested_action=WRONG_PROGRAM,
        )
    return trace


def _settles(trace: RunTrace, item_id: str) -> bool:
    """Whether no older run of this item can say more than this one."""
    return trace.status == RUN_COMPLETE and any(
        node.work_item_id == item_id
        and (
            node.stage == RECON_STAGE
            or (node.stage == UPDATER_STAGE and node.terminal_result == UPDATE_COMPLETE)
        )
        for node in trace.nodes
    )
