"""Lineages of the real Millrace, from its files and as it says itself, judged alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.completion import Verdict, judge
from millracer.domain.run.evidence import Evidence, lineage_of
from millracer.domain.work.items import ItemState, ItemStatus, WorkItem
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.calls import MillraceCalls
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

ITEM = "widget-0a1b"
#: No Arbiter is ever called for what recon sends to planning.
NO_ARBITER_FOR_PROBES = ("0.18.", "0.19.")
BLOCKED = (Step(marker="BLOCKED"),)
HALTED = {"troubleshooter": BLOCKED, "consultant": BLOCKED}


def wait(seconds: float = 90) -> Wait:
    return Wait.for_seconds(seconds)


@dataclass(frozen=True, slots=True)
class Chain:
    """A workspace whose daemon plays a scenario, watched through the adapter."""

    millrace: CliMillrace
    workspace: Workspace

    def add(self, kind: IntakeKind, item_id: str = ITEM) -> ItemStatus:
        item = WorkItem(item_id=item_id, request_hash=item_id.encode().hex().zfill(64), named=True)
        self.millrace.store_request(item, kind, RequestBody(task="Look into it"))
        self.millrace.submit(item, kind, wait())
        return self.millrace.look_up(item_id, wait())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let a daemon work meanwhile."""
        lease = self.millrace.supervisor.lease(wait())
        try:
            with self.millrace.supervisor.control(wait()) as control:
                control.start("default_pi", wait())
            yield
        finally:
            lease.leave(wait(), keep_daemon=False)

    def trace_until(self, known: ItemStatus, settled: Callable[[Evidence], bool]) -> Evidence:
        """Trace from one and the same old standing until something holds."""
        limit = wait()
        while not settled(traced := self.millrace.trace_lineage(known)):
            assert not limit.expired, f"still {lineage_of(traced)}, {judge(traced).missing}"
            limit.sleep(0.05)
        return traced

    def gather(self, item_id: str = ITEM) -> Evidence:
        return self.millrace.gather_evidence(self.millrace.look_up(item_id, wait()), wait())


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[Scenario], Chain]:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario) -> Chain:
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        calls = MillraceCalls(
            argv=(millrace_command,), workspace=workspace.root, cwd=workspace.root
        )
        return Chain(CliMillrace(calls, safety_seconds=60), workspace)

    return build


def completed(evidence: Evidence) -> bool:
    return judge(evidence).completed


def blocked(evidence: Evidence) -> bool:
    return judge(evidence).blocked


def members(evidence: Evidence) -> list[tuple[str, str, ItemState, str | None]]:
    return sorted(
        (each.item_id, each.work_kind, each.state, each.parent_id) for each in lineage_of(evidence)
    )


def found(verdict: Verdict) -> str:
    return " / ".join(f"{gap.needed}: {gap.found}" for gap in verdict.missing)


def ends_alike(
    chain: Chain, kind: IntakeKind, settled: Callable[[Evidence], bool]
) -> tuple[Evidence, Verdict]:
    """Run one item until its trace is settled; what is gathered then says the same."""
    known = chain.add(kind)
    with chain.running():
        traced = chain.trace_until(known, settled)
        gathered = chain.gather()
    assert members(gathered) == members(traced)
    assert (judge(gathered).completed, judge(gathered).blocked) == (
        judge(traced).completed,
        judge(traced).blocked,
    )
    return gathered, judge(gathered)


def recon(marker: str, **steps: tuple[Step, ...]) -> Scenario:
    return Scenario({"recon": (Step(marker=marker),), **steps})


def test_a_probe_leads_to_its_task(prepare: Callable[[Scenario], Chain]) -> None:
    gathered, verdict = ends_alike(prepare(Scenario()), IntakeKind.PROBE, completed)

    assert verdict.completed
    assert members(gathered) == [
        (ITEM, "probe", ItemState.DONE, None),
        (f"{ITEM}-task", "task", ItemState.DONE, ITEM),
    ]


def test_an_idea_leads_to_its_spec_and_that_to_its_task(
    prepare: Callable[[Scenario], Chain],
) -> None:
    gathered, _ = ends_alike(prepare(Scenario()), IntakeKind.IDEA, completed)

    (spec_id,) = [name for name, kind, _, _ in members(gathered) if kind == "spec"]
    assert members(gathered) == sorted(
        [
            (ITEM, "idea", ItemState.DONE, None),
            (spec_id, "spec", ItemState.DONE, ITEM),
            (f"{spec_id}-t1", "task", ItemState.DONE, spec_id),
        ]
    )


@pytest.mark.slow
def test_a_probe_with_nothing_to_do_ends_by_itself(prepare: Callable[[Scenario], Chain]) -> None:
    gathered, _ = ends_alike(prepare(recon("RECON_NOOP")), IntakeKind.PROBE, completed)

    assert members(gathered) == [(ITEM, "probe", ItemState.DONE, None)]


@pytest.mark.slow
def test_a_probe_sent_to_planning_leads_to_its_spec(
    prepare: Callable[[Scenario], Chain],
) -> None:
    chain = prepare(recon("RECON_TO_PLANNING"))
    old = chain.millrace.check_supported(wait()).startswith(NO_ARBITER_FOR_PROBES)

    def settled(traced: Evidence) -> bool:
        states = [each.state for each in lineage_of(traced)]
        rests = len(states) == 3 and set(states) == {ItemState.DONE}
        return rests if old else completed(traced)

    gathered, _ = ends_alike(chain, IntakeKind.PROBE, settled)

    assert members(gathered) == [
        (ITEM, "probe", ItemState.DONE, None),
        (f"{ITEM}-spec", "spec", ItemState.DONE, ITEM),
        (f"{ITEM}-spec-t1", "task", ItemState.DONE, f"{ITEM}-spec"),
    ]
    assert judge(gathered).completed is not old


@pytest.mark.slow
def test_a_probe_that_recon_blocks_is_blocked(prepare: Callable[[Scenario], Chain]) -> None:
    _, verdict = ends_alike(prepare(recon("RECON_BLOCKED")), IntakeKind.PROBE, blocked)

    assert "RECON_BLOCKED" in found(verdict)


@pytest.mark.slow
def test_a_probe_whose_task_is_blocked_is_blocked(prepare: Callable[[Scenario], Chain]) -> None:
    scenario = Scenario({"builder": BLOCKED, **HALTED})

    gathered, verdict = ends_alike(prepare(scenario), IntakeKind.PROBE, blocked)

    assert (f"{ITEM}-task", "task", ItemState.BLOCKED, ITEM) in members(gathered)
    assert f"{ITEM}-task" in found(verdict)
    assert "blocked" in found(verdict)


@pytest.mark.slow
def test_remediation_is_not_complete_before_the_second_verdict(
    prepare: Callable[[Scenario], Chain],
) -> None:
    chain = prepare(Scenario({"arbiter": (Step(marker="REMEDIATION_NEEDED"), Step(seconds=0.5))}))
    known = chain.add(IntakeKind.IDEA)
    with chain.running():
        during = chain.trace_until(
            known, lambda seen: any(kind == "incident" for _, kind, _, _ in members(seen))
        )
        after = chain.trace_until(known, completed)
        gathered = chain.gather()

    assert not judge(during).completed
    assert not judge(during).blocked
    assert judge(gathered).completed
    assert members(gathered) == members(after)
    by_kind = {kind: (name, parent) for name, kind, _, parent in members(after)}
    parents = {name: parent for name, _, _, parent in members(after)}
    assert by_kind["incident"][1] == by_kind["spec"][0]
    assert by_kind["incident"][0] in parents.values(), "its task hangs below the incident"


@pytest.mark.slow
def test_one_of_three_tasks_blocked_blocks_the_idea(
    prepare: Callable[[Scenario], Chain],
) -> None:
    tasks = (Step(tasks=({"id": "t-1"}, {"id": "t-2"}, {"id": "t-3"})),)
    scenario = Scenario({"manager": tasks, "builder:t-2": BLOCKED, **HALTED})

    gathered, verdict = ends_alike(
        prepare(scenario),
        IntakeKind.IDEA,
        lambda traced: blocked(traced) and any(each.blocking_ids for each in traced.closures),
    )

    states = {name: state for name, _, state, _ in members(gathered)}
    assert [states[f"t-{number}"] for number in (1, 2, 3)] == [
        ItemState.DONE,
        ItemState.BLOCKED,
        ItemState.DONE,
    ]
    assert "t-2" in found(verdict)


@pytest.mark.slow
def test_two_ideas_of_the_same_words_have_a_lineage_each(
    prepare: Callable[[Scenario], Chain],
) -> None:
    chain = prepare(Scenario())
    first = chain.add(IntakeKind.IDEA, "same-1")
    second = chain.add(IntakeKind.IDEA, "same-2")
    with chain.running():
        one = chain.trace_until(first, completed)
        other = chain.trace_until(second, completed)

    ids = [{name for name, _, _, _ in members(each)} for each in (one, other)]
    assert [len(each) for each in ids] == [3, 3]
    assert ids[0].isdisjoint(ids[1])


@pytest.mark.slow
def test_what_continues_a_task_that_needs_planning_is_named(
    prepare: Callable[[Scenario], Chain],
) -> None:
    chain = prepare(
        Scenario(
            {
                "builder": (*BLOCKED, Step(seconds=8)),
                "troubleshooter": BLOCKED,
                "consultant": (Step(marker="NEEDS_PLANNING"),),
            }
        )
    )
    known = chain.add(IntakeKind.TASK)
    with chain.running():
        traced = chain.trace_until(known, lambda seen: len(members(seen)) == 3)

    (incident,) = [name for name, kind, _, _ in members(traced) if kind == "incident"]
    parents = {name: parent for name, _, _, parent in members(traced)}
    assert parents[incident] == ITEM
    assert parents[f"{incident}-t1"] == incident
    assert judge(traced).blocked
    assert f"task {incident}-t1 is" in found(judge(traced))
