"""Every live item is run to its end, under one lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from millracer.cancellation import Cancellation, Wait
from millracer.domain.requests import Finalizer, RunRequest
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult, Versions
from millracer.domain.work.items import ItemState
from millracer.errors import InvalidRequest
from millracer.operations.watch_all import watch_all
from millracer.testing.backend import ScriptedBackend

REQUEST = RunRequest(task="", request_id="r")


@dataclass
class Runs:
    millrace: ScriptedBackend
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    requests: list[RunRequest] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    leases: list[int] = field(default_factory=list)

    def __call__(self, request: RunRequest) -> RunResult:
        self.requests.append(request)
        self.leases.append(self.millrace.watchers)
        item_id = request.resume or ""
        outcome = self.outcomes.get(item_id, Outcome.COMPLETED)
        if outcome is Outcome.COMPLETED:
            self.millrace.items[item_id].state = ItemState.DONE
        self.meanwhile()
        return RunResult(
            request_id=request.request_id,
            workspace="/workspace",
            outcome=outcome,
            output="",
            versions=Versions(millracer="0"),
            work_item_id=item_id,
            timings={},
        )

    def watch(self, request: RunRequest = REQUEST) -> list[tuple[str | None, Outcome]]:
        numbers = count()
        results = watch_all(
            request,
            self.millrace,
            Wait(Cancellation()),
            self,
            lambda: f"r-{next(numbers)}",
        )
        return [(each.work_item_id, each.outcome) for each in results]


@pytest.fixture
def runs() -> Runs:
    millrace = ScriptedBackend()
    millrace.holds("first", ItemState.QUEUED)
    millrace.holds("second", ItemState.QUEUED)
    millrace.holds("active", ItemState.ACTIVE)
    millrace.holds("stuck", ItemState.BLOCKED)
    millrace.holds("over", ItemState.DONE)
    return Runs(millrace)


def test_the_active_item_comes_first_then_those_that_wait_longest(runs: Runs) -> None:
    followed = [item_id for item_id, _ in runs.watch()]

    assert followed == ["active", "first", "second"]
    assert runs.leases == [1, 1, 1]
    assert runs.millrace.watchers == 0
    assert {each.finalizer for each in runs.requests} == {Finalizer.SUMMARY}
    assert len({each.request_id for each in runs.requests}) == 3


def test_an_item_that_is_added_meanwhile_is_followed_too(runs: Runs) -> None:
    runs.meanwhile = lambda: (
        runs.millrace.items.get("late") or runs.millrace.holds("late", ItemState.QUEUED)
    )

    assert ("late", Outcome.COMPLETED) in runs.watch()


@pytest.mark.parametrize("state", [ItemState.DONE, ItemState.BLOCKED])
def test_an_item_that_ends_before_its_turn_has_its_result(runs: Runs, state: ItemState) -> None:
    def end() -> None:
        runs.millrace.items["first"].state = state

    runs.outcomes = {"first": Outcome.BLOCKED if state is ItemState.BLOCKED else Outcome.COMPLETED}
    runs.meanwhile = end

    assert [item_id for item_id, _ in runs.watch()] == ["active", "second", "first"]


def test_a_blocked_item_does_not_end_the_watch_and_a_time_out_does(runs: Runs) -> None:
    runs.outcomes = {"active": Outcome.BLOCKED, "first": Outcome.TIMED_OUT}

    assert runs.watch() == [("active", Outcome.BLOCKED), ("first", Outcome.TIMED_OUT)]


@pytest.mark.parametrize("keep", [True, False])
def test_the_daemon_is_stopped_at_the_end_unless_it_is_kept(runs: Runs, *, keep: bool) -> None:
    runs.millrace.has_daemon(owned=True)

    runs.watch(replace(REQUEST, keep_daemon=keep))

    assert (runs.millrace.daemon is not None) is keep
    assert not any(each.keep_daemon for each in runs.requests)


def test_a_directory_without_a_workspace_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        Runs(ScriptedBackend(is_initialised=False)).watch()
