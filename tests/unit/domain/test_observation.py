from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.observation import (
    Observation,
    Signs,
    interpret,
    interpret_standing,
    is_worth_asking,
    is_worth_asking_status,
)
from millracer.domain.work import IntakeKind, ItemState, RuntimeEvent, RuntimeStatus, Standing

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDS = frozenset({"item"})


def standing(state: ItemState, kind: IntakeKind | None = IntakeKind.TASK) -> Standing:
    return Standing(item_id="item", state=state, kind=kind, source="s", observed_at=NOW)


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
        observed_at=NOW,
    )


def event(**fields: str) -> RuntimeEvent:
    return RuntimeEvent(**{"event_type": "router_decision", "occurred_at": NOW, **fields})  # type: ignore[arg-type]


LIVE = [ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE]


@pytest.mark.parametrize("state", LIVE)
def test_a_live_item_under_a_living_daemon_is_being_worked_on_however_quiet(
    state: ItemState,
) -> None:
    found = interpret(standing(state), status(), daemon_alive=True, stop_seen=False)

    assert found is Observation.WORKING


@pytest.mark.parametrize("state", LIVE)
def test_a_live_item_without_a_daemon_needs_one(state: ItemState) -> None:
    lost = interpret(standing(state), status(), daemon_alive=False, stop_seen=False)
    stopped = interpret(standing(state), status(), daemon_alive=False, stop_seen=True)
    asked = interpret(standing(state), status(stop=True), daemon_alive=False, stop_seen=False)

    assert (lost, stopped, asked) == (
        Observation.DAEMON_LOST,
        Observation.STOPPED,
        Observation.STOPPED,
    )


def test_a_pause_is_seen_only_while_the_item_waits_for_it() -> None:
    paused = status(paused=True)

    assert (
        interpret(standing(ItemState.QUEUED), paused, daemon_alive=True, stop_seen=False)
        is Observation.PAUSED
    )
    assert (
        interpret(standing(ItemState.DONE), paused, daemon_alive=True, stop_seen=False)
        is Observation.ENDED
    )


@pytest.mark.parametrize("kind", [IntakeKind.PROBE, IntakeKind.IDEA])
def test_a_probe_or_idea_goes_on_behind_its_own_end_until_nothing_is_left(
    kind: IntakeKind,
) -> None:
    done = standing(ItemState.DONE, kind)

    for busy in (status(active=1), status(queued=1)):
        assert interpret(done, busy, daemon_alive=True, stop_seen=False) is Observation.WORKING
        assert interpret(done, busy, daemon_alive=False, stop_seen=False) is Observation.DAEMON_LOST
    assert interpret(done, status(), daemon_alive=True, stop_seen=False) is Observation.ENDED


@given(st.sampled_from(ItemState), st.sampled_from([*IntakeKind, None]))
def test_the_items_place_alone_decides_exactly_its_own_endings(
    state: ItemState, kind: IntakeKind | None
) -> None:
    found = interpret_standing(standing(state, kind))

    if state is ItemState.BLOCKED:
        assert found is Observation.BLOCKED
    elif state.is_set_aside:
        assert found is Observation.SET_ASIDE
    elif state is ItemState.ABSENT:
        assert found is Observation.UNKNOWN
    elif state is ItemState.DONE and kind in {IntakeKind.TASK, None}:
        assert found is Observation.ENDED
    else:
        assert found is None


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(Signs(daemon_alive=False), id="the daemon is gone"),
        pytest.param(Signs(daemon_alive=True, safety_due=True), id="the safety interval is over"),
        pytest.param(Signs(daemon_alive=True, item_moved=True), id="the item moved"),
        pytest.param(
            Signs(daemon_alive=True, events=(event(item_id="item", action="idle"),)),
            id="the router let go of it",
        ),
        pytest.param(
            Signs(daemon_alive=True, events=(event(item_id="item", action="blocked"),)),
            id="the router blocked it",
        ),
    ],
)
def test_what_may_have_moved_the_item_is_worth_asking(signs: Signs) -> None:
    assert is_worth_asking(signs, IDS)


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(Signs(daemon_alive=True), id="nothing"),
        pytest.param(
            Signs(daemon_alive=True, events=(event(item_id="other", action="idle"),)),
            id="another item's end",
        ),
        pytest.param(
            Signs(daemon_alive=True, events=(event(item_id="item", action="run_stage"),)),
            id="its next stage",
        ),
    ],
)
def test_what_cannot_have_moved_it_is_not(signs: Signs) -> None:
    assert not is_worth_asking(signs, IDS)


def test_a_silent_change_of_the_runtimes_state_may_be_a_pause() -> None:
    assert is_worth_asking_status(Signs(daemon_alive=True, state_changed=True))
    assert not is_worth_asking_status(
        Signs(daemon_alive=True, state_changed=True, events=(event(action="run_stage"),))
    )
