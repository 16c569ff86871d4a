from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.fleet.hosts import AWAY_AFTER_SECONDS
from millracer.domain.fleet.items import FleetItemState, WaitReason
from millracer.domain.fleet.waiting import (
    DispatchStatus,
    WaitFacts,
    derive_state,
    explain_wait,
)

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_FREE = WaitFacts(now=_NOW, host_seen_at=_NOW)

#: What each reason needs, in the order in which they are given.
_CAUSES: dict[WaitReason, dict[str, Any]] = {
    WaitReason.NOT_BEFORE: {"not_before": _NOW + timedelta(seconds=1)},
    WaitReason.NO_FREE_WORKSPACE: {"bound": False, "label": "gpu"},
    WaitReason.HOST_NEVER_SEEN: {"host_seen_at": None},
    WaitReason.HOST_AWAY: {"host_seen_at": _NOW - timedelta(seconds=AWAY_AFTER_SECONDS + 1)},
    WaitReason.WORKSPACE_PAUSED: {"paused": True, "pause_note": "release"},
    WaitReason.HOST_DRAINS: {"draining": True, "drain_note": "reboot"},
    WaitReason.WORKSPACE_BUSY: {"occupied_by": "other"},
    WaitReason.HOST_FULL: {"slots": 2, "in_use": 2},
    WaitReason.HOST_LIMITED: {"limit": 4, "started": 4},
}


@pytest.mark.parametrize("reason", _CAUSES)
def test_each_reason_has_its_cause(reason: WaitReason) -> None:
    assert explain_wait(replace(_FREE, **_CAUSES[reason]))[0] is reason


def test_without_an_obstacle_the_item_is_next() -> None:
    assert explain_wait(_FREE) == (WaitReason.NEXT, "")


@given(st.sets(st.sampled_from([*_CAUSES]), min_size=1))
def test_of_several_causes_the_one_that_lasts_longest_is_given(causes: set[WaitReason]) -> None:
    order = [*_CAUSES]
    facts = _FREE
    for cause in sorted(causes, key=order.index, reverse=True):
        facts = replace(facts, **_CAUSES[cause])

    assert explain_wait(facts)[0] is min(causes, key=order.index)


@pytest.mark.parametrize(
    ("changes", "reason", "subject"),
    [
        ({"bound": False, "label": "gpu"}, WaitReason.NO_FREE_WORKSPACE, "gpu"),
        ({"paused": True, "pause_note": "release"}, WaitReason.WORKSPACE_PAUSED, "release"),
        ({"draining": True, "drain_note": "reboot"}, WaitReason.HOST_DRAINS, "reboot"),
        ({"occupied_by": "other", "ahead": "third"}, WaitReason.WORKSPACE_BUSY, "other"),
        ({"ahead": "third"}, WaitReason.WORKSPACE_BUSY, "third"),
        ({"host_has_session": False}, WaitReason.HOST_AWAY, ""),
        ({"not_before": _NOW}, WaitReason.NEXT, ""),
        ({"in_use": 1, "slots": 2}, WaitReason.NEXT, ""),
        ({"limit": 4, "started": 3}, WaitReason.NEXT, ""),
        ({"limit": None, "started": 3}, WaitReason.NEXT, ""),
        (
            {"host_seen_at": _NOW - timedelta(seconds=AWAY_AFTER_SECONDS)},
            WaitReason.NEXT,
            "",
        ),
    ],
)
def test_a_reason_names_its_subject_and_has_its_limit(
    changes: dict[str, Any], reason: WaitReason, subject: str
) -> None:
    assert explain_wait(replace(_FREE, **changes)) == (reason, subject)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"ended": True, "dispatch_status": DispatchStatus.PENDING}, FleetItemState.ENDED),
        ({"ended": True, "bound": False}, FleetItemState.ENDED),
        ({"bound": False, "dispatch_status": None}, FleetItemState.QUEUED),
        ({"dispatch_status": DispatchStatus.ENQUEUED}, FleetItemState.QUEUED),
        (
            {"dispatch_status": DispatchStatus.ENQUEUED, "lease_is_live": True},
            FleetItemState.QUEUED,
        ),
        ({"dispatch_status": DispatchStatus.DELAYED}, FleetItemState.QUEUED),
        ({"dispatch_status": DispatchStatus.PENDING}, FleetItemState.RUNNING),
        ({"dispatch_status": DispatchStatus.SET_ASIDE}, FleetItemState.SET_ASIDE),
        ({"dispatch_status": DispatchStatus.CANCELLED}, FleetItemState.RELEASED),
        (
            {"dispatch_status": DispatchStatus.CANCELLED, "lease_is_live": True},
            FleetItemState.RUNNING,
        ),
        (
            {"dispatch_status": DispatchStatus.SUCCESS, "lease_is_live": True},
            FleetItemState.RELEASED,
        ),
        ({"dispatch_status": DispatchStatus.ERROR}, FleetItemState.RELEASED),
        ({"dispatch_status": None}, FleetItemState.RELEASED),
        ({"dispatch_status": "A_WORD_OF_A_LATER_ENGINE"}, FleetItemState.RELEASED),
    ],
)
def test_the_state_follows_from_the_item_and_its_dispatch(
    changes: dict[str, Any], state: FleetItemState
) -> None:
    assert derive_state(replace(_FREE, **changes)) is state
