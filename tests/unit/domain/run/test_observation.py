import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millracer.domain.requests import IntakeKind
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import (
    ClosureFact,
    Evidence,
    ItemFact,
    SpawnFact,
    StageFact,
    StageProof,
)
from millracer.domain.run.observation import (
    ChangeHints,
    interpret_item_status,
    interpret_lineage,
    interpret_runtime,
    is_news,
    is_worth_asking,
    is_worth_asking_status,
    leads_to_more_work,
)
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind, RuntimeStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDS = frozenset({"item"})


def item_status(state: ItemState, kind: IntakeKind | None = IntakeKind.TASK) -> ItemStatus:
    return ItemStatus(item_id="item", state=state, kind=kind, source="s", observed_at=NOW)


def status(
    *, active: int = 0, queued: int = 0, paused: bool = False, stop: bool = False
) -> RuntimeStatus:
    return RuntimeStatus(
        process_running=True,
        lock="active",
        active_run_count=active,
        active_stage=None,
        active_item_id=None,
        active_item_kind=None,
        queue_depths={"execution": queued, "planning": 0, "learning": 0},
        paused=paused,
        pause_sources="operator" if paused else "none",
        stop_requested=stop,
        mode_id="lad_pi",
        raw={},
        source="millrace status",
        observed_at=NOW,
    )


def event(**fields: object) -> RuntimeEvent:
    return RuntimeEvent(**{"kind": RuntimeEventKind.OTHER, "occurred_at": NOW, **fields})


LIVE = [ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE]


@pytest.mark.parametrize("paused", [True, False])
def test_work_under_a_living_daemon_is_being_done_however_quiet(*, paused: bool) -> None:
    found = interpret_runtime(
        status(paused=paused), daemon_alive=True, stop_seen=False, active=False
    )

    assert found is None


@pytest.mark.parametrize("active", [True, False])
def test_work_without_a_daemon_needs_one_unless_it_was_stopped(*, active: bool) -> None:
    def ending(*, stop: bool = False, stop_seen: bool = False) -> Ending | None:
        return interpret_runtime(
            status(paused=True, stop=stop), daemon_alive=False, stop_seen=stop_seen, active=active
        )

    assert ending() is (Ending.CRASHED if active else Ending.RESTART_NEEDED)
    assert (ending(stop_seen=True), ending(stop=True)) == (Ending.STOPPED, Ending.STOPPED)


def place(item_id: str, work_kind: str, state: ItemState) -> ItemFact:
    return ItemFact(item_id=item_id, work_kind=work_kind, state=state, source="s", observed_at=NOW)


def idea(task: ItemState, *targets: ClosureFact) -> Evidence:
    """An idea that became a spec which became one task."""
    links = (("item", "spec-1", "spec"), ("spec-1", "task-1", "task"))
    return Evidence(
        item_id="item",
        kind=IntakeKind.IDEA,
        items=(
            place("item", "spec", ItemState.DONE),
            place("spec-1", "spec", ItemState.DONE),
            place("task-1", "task", task),
        ),
        spawns=tuple(
            SpawnFact(
                parent_id=parent, child_id=child, child_kind=kind, how="h", source="s",
                observed_at=NOW,
            )
            for parent, child, kind in links
        ),
        closures=targets,
    )  # fmt: skip


def target(*, open_: bool, blocked: bool = False, spec_id: str = "spec-1") -> ClosureFact:
    return ClosureFact(
        root_spec_id=spec_id,
        open=open_,
        closing_run_id=None,
        blocked_by_lineage_work=blocked,
        blocking_ids=(),
        source="s",
        observed_at=NOW,
    )


@pytest.mark.parametrize("state", LIVE)
def test_a_lineage_continues_while_a_member_does(state: ItemState) -> None:
    assert interpret_lineage(idea(state, target(open_=True, blocked=True))) is None


def test_an_open_closure_target_waits_for_the_arbiter() -> None:
    assert interpret_lineage(idea(ItemState.DONE, target(open_=True))) is None


def test_an_open_target_of_another_item_does_not_hold_this_one() -> None:
    found = interpret_lineage(idea(ItemState.DONE, target(open_=True, spec_id="spec-2")))

    assert found is Ending.AT_REST


def test_a_lineage_without_proof_in_which_nothing_continues_rests() -> None:
    assert interpret_lineage(idea(ItemState.DONE)) is Ending.AT_REST
    assert interpret_lineage(idea(ItemState.CANCELLED)) is Ending.AT_REST


def test_a_blocked_member_with_all_else_over_blocks_the_lineage() -> None:
    held = target(open_=True, blocked=True)

    assert interpret_lineage(idea(ItemState.BLOCKED, held)) is Ending.BLOCKED


def test_a_proven_lineage_has_ended() -> None:
    probe = Evidence(
        item_id="item",
        kind=IntakeKind.PROBE,
        items=(place("item", "probe", ItemState.DONE),),
        stages=(
            StageFact(
                run_id="r",
                item_id="item",
                work_kind="probe",
                stage="recon",
                terminal_result="RECON_NOOP",
                run_status="complete",
                proves=StageProof.NOTHING_TO_DO,
                counts=True,
                source="s",
                observed_at=NOW,
            ),
        ),
    )

    assert interpret_lineage(probe) is Ending.ITEM_ENDED


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(ItemState, [*IntakeKind, None])))
def test_the_items_place_alone_decides_exactly_its_own_endings(
    state: ItemState, kind: IntakeKind | None
) -> None:
    found = interpret_item_status(item_status(state, kind))

    if state is ItemState.BLOCKED:
        assert found is Ending.BLOCKED
    elif state.is_set_aside:
        assert found is Ending.SET_ASIDE
    elif state is ItemState.ABSENT:
        assert found is Ending.UNKNOWN
    elif state is ItemState.DONE and kind in {IntakeKind.TASK, None}:
        assert found is Ending.ITEM_ENDED
    else:
        assert found is None


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(ChangeHints(daemon_alive=False), id="the daemon is gone"),
        pytest.param(
            ChangeHints(daemon_alive=True, poll_due=True), id="the safety interval is over"
        ),
        pytest.param(ChangeHints(daemon_alive=True, item_moved=True), id="the item moved"),
        pytest.param(
            ChangeHints(
                daemon_alive=True, events=(event(item_id="item", item_state=ItemState.DONE),)
            ),
            id="the router let go of it",
        ),
        pytest.param(
            ChangeHints(
                daemon_alive=True, events=(event(item_id="item", item_state=ItemState.BLOCKED),)
            ),
            id="the router blocked it",
        ),
    ],
)
def test_what_may_have_moved_the_item_is_worth_asking(signs: ChangeHints) -> None:
    assert is_worth_asking(signs, IDS)


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(ChangeHints(daemon_alive=True), id="nothing"),
        pytest.param(
            ChangeHints(
                daemon_alive=True, events=(event(item_id="other", item_state=ItemState.DONE),)
            ),
            id="another item's end",
        ),
        pytest.param(
            ChangeHints(daemon_alive=True, events=(event(item_id="item"),)),
            id="its next stage",
        ),
    ],
)
def test_what_cannot_have_moved_it_is_not(signs: ChangeHints) -> None:
    assert not is_worth_asking(signs, IDS)


@pytest.mark.parametrize(
    "signs", [ChangeHints(daemon_alive=False), ChangeHints(daemon_alive=True, poll_due=True)]
)
def test_a_lost_daemon_and_the_safety_interval_are_worth_asking_for_the_status(
    signs: ChangeHints,
) -> None:
    assert is_worth_asking_status(signs)
    assert not is_worth_asking_status(ChangeHints(daemon_alive=True))


def test_only_the_event_of_a_requested_end_is_read_as_a_stop() -> None:
    stopped = event(kind=RuntimeEventKind.DAEMON_STOPPED)

    assert ChangeHints(daemon_alive=False, events=(event(), stopped)).stop_seen
    assert not ChangeHints(daemon_alive=False, events=(event(),)).stop_seen


def test_signs_claim_nothing_that_was_not_seen() -> None:
    signs = ChangeHints(daemon_alive=True)

    assert signs == ChangeHints(
        daemon_alive=True,
        daemon_owned=False,
        item_hint=None,
        item_moved=False,
        events=(),
        state_changed=False,
        poll_due=False,
    )


def test_a_silent_change_of_the_runtimes_state_may_be_a_pause() -> None:
    assert is_worth_asking_status(ChangeHints(daemon_alive=True, state_changed=True))
    assert not is_worth_asking_status(
        ChangeHints(daemon_alive=True, state_changed=True, events=(event(),))
    )


@pytest.mark.parametrize(
    "signs",
    [
        ChangeHints(daemon_alive=False),
        ChangeHints(daemon_alive=True, poll_due=True),
        ChangeHints(daemon_alive=True, item_moved=True),
        ChangeHints(daemon_alive=True, state_changed=True),
        ChangeHints(daemon_alive=True, events=(event(item_id="other"),)),
    ],
)
def test_anything_seen_is_news_enough_to_read_files(signs: ChangeHints) -> None:
    assert is_news(signs)
    assert not is_news(ChangeHints(daemon_alive=True))


def test_a_closed_closure_target_does_not_wait() -> None:
    assert interpret_lineage(idea(ItemState.DONE, target(open_=False))) is Ending.AT_REST


@pytest.mark.parametrize(
    ("kind", "work_kind", "expected"),
    [
        (IntakeKind.TASK, "task", False),
        (IntakeKind.PROBE, "probe", True),
        (IntakeKind.IDEA, "idea", True),
        (None, "spec", True),
        (None, "incident", False),
    ],
)
def test_probes_ideas_and_specs_lead_to_more_work(
    kind: IntakeKind | None, work_kind: str, *, expected: bool
) -> None:
    found = leads_to_more_work(replace(item_status(ItemState.DONE, kind), work_kind=work_kind))

    assert found is expected


def test_signs_say_nothing_by_default() -> None:
    assert ChangeHints(daemon_alive=True) == ChangeHints(
        daemon_alive=True,
        daemon_owned=False,
        item_hint=None,
        item_moved=False,
        events=(),
        state_changed=False,
        poll_due=False,
        may_be_paused=False,
        stopped_on_purpose=False,
    )


def test_a_daemon_that_an_own_command_ended_wrote_nothing_and_was_stopped() -> None:
    assert ChangeHints(daemon_alive=False, stopped_on_purpose=True).stop_seen
