"""The commands that are explored, the worlds they begin in, and what must hold of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    Limits,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run import conclusion, lifecycle
from millracer.domain.run.lifecycle import Edge, RunEvent, RunState
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.submission import Submission
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode
from millracer.operations.submit import submit
from millracer.run.context import RunContext
from millracer.run.orchestrator import Orchestrator
from millracer.testing.clock import FrozenClock
from tests.statespace.answers import USUAL, Bounds
from tests.statespace.choices import Answer, Choice, Move
from tests.statespace.explore import Command, Ended, Explorer, Rules, Space, Step
from tests.statespace.world import ModelPi, World

_MAX_RESTARTS = 1
#: Millrace does nothing more for such an item, unless a command asks it to.
_OVER = frozenset({ItemState.DONE, ItemState.CANCELLED, ItemState.REFUSED})
_DEATHS = frozenset({Answer.DIES, Answer.DID_BUT_DIES})
_TROUBLES = frozenset({Answer.SLOW, Move.STOP_ASKED, Move.OTHER_ADDS})
_EVERYTHING: frozenset[Choice] = frozenset(Answer) | frozenset(Move)


def _run(request: RunRequest, world: World, cancellation: Cancellation) -> Ended:
    orchestrator = Orchestrator(
        millrace=world, pi=ModelPi(world), clock=FrozenClock(), unique=lambda: "u"
    )
    result = orchestrator.run(request, cancellation)
    return Ended(result, str(result.outcome), result.scoped_completion)


def _submit(request: RunRequest, world: World, cancellation: Cancellation) -> Ended:
    submission = submit(
        request,
        millrace=world,
        models=ModelPi(world),
        clock=FrozenClock(),
        unique=lambda: "u",
        cancellation=cancellation,
    )
    code = submission.exit_code
    return Ended(submission, code.name, code is ExitCode.COMPLETED)


def _wrong_at_the_end(ended: Ended, world: World) -> str | None:
    result = ended.result
    return (
        wrong_at_the_end(result, world)
        if isinstance(result, RunResult)
        else wrong_submission(result, world)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One command, given again and again.

    Attributes:
        request: of the command.
        command: a run, or a submission.
        bounds: how much may happen to one run.
        patience: how often a watch asks before it believes, where it is not the product's.
        over: where an item may stay for ever.
        limit: more states than this are not expected.
    """

    request: RunRequest
    command: Command = _run
    bounds: Bounds
    patience: int | None = None
    over: frozenset[ItemState] = _OVER
    limit: int


def _request(route: RoutePreference, finalizer: Finalizer) -> RunRequest:
    return RunRequest(
        task="Make the widget blue",
        request_id="req-1",
        scope=ScopedWork(item_id="ITEM-1"),
        route=route,
        intake=IntakePreference.TASK,
        finalizer=finalizer,
        notify_terminal_stages=False,  # a thread's steps cannot be chosen
        limits=Limits(daemon_timeout_seconds=100.0, max_daemon_restarts=_MAX_RESTARTS),
    )


DELEGATED = _request(RoutePreference.MILLRACE, Finalizer.SUMMARY)
DECIDED_BY_PI = _request(RoutePreference.AUTO, Finalizer.PI)


#: Any number of deaths and of refused calls at every step; what Millrace and its daemon do happens
#: during the watch. No other caller acts, and no caller asks Millracer to stop.
SMALL = Scenario(
    request=DECIDED_BY_PI,
    bounds=Bounds(
        usual=USUAL | _DEATHS | {Answer.REFUSED},
        troubles=0,
        left_out=frozenset({Answer.SAFETY, Answer.BOOTING}),
        moves_at=frozenset({"next_hints"}),
    ),
    patience=1,
    over=_OVER | {ItemState.BLOCKED},
    limit=10_000,
)
#: Besides, one of these befalls each run: a slow answer, a wish to stop, another caller's add; what
#: happens outside also happens before Millracer looks for a daemon.
LARGE = Scenario(
    request=DECIDED_BY_PI,
    bounds=Bounds(
        usual=USUAL | _DEATHS,
        troubles=1,
        left_out=(_EVERYTHING - USUAL - _DEATHS - _TROUBLES) | {Answer.SAFETY, Answer.BOOTING},
        moves_at=frozenset({"next_hints", "running"}),
    ),
    patience=1,
    over=_OVER | {ItemState.BLOCKED},
    limit=20_000,
)
#: Another caller adds the item and it ends, or is taken back, before any reading: also between
#: the one before the command and the one under the item's lock.
BETWEEN = Scenario(
    request=DELEGATED,
    bounds=Bounds(
        usual=USUAL | {Move.OTHER_ADDS, Move.CANCELLED},
        troubles=0,
        left_out=frozenset({Answer.SAFETY, Answer.BOOTING}),
        moves_at=frozenset({"look_up"}),
    ),
    patience=1,
    over=_OVER | {ItemState.BLOCKED},
    limit=5_000,
)
#: A budget of one stage, which the item has used up once its result is valid: any number of deaths
#: between two commands, so that a run may begin with nothing left.
BUDGETED = Scenario(
    request=replace(DELEGATED, limits=replace(DELEGATED.limits, max_stages=1)),
    bounds=Bounds(
        usual=USUAL | _DEATHS,
        troubles=0,
        left_out=frozenset({Answer.SAFETY, Answer.BOOTING}),
        moves_at=frozenset({"next_hints"}),
    ),
    patience=1,
    over=_OVER | {ItemState.BLOCKED, ItemState.ACTIVE, ItemState.QUEUED},
    limit=5_000,
)
#: A submission: any number of deaths, of items that others add and of daemons that others start,
#: and one trouble each time.
SUBMISSION = Scenario(
    request=DELEGATED,
    command=_submit,
    bounds=Bounds(
        usual=USUAL | _DEATHS | {Move.OTHER_ADDS, Move.OTHER_STARTS, Move.MAIL_REFUSED},
        troubles=1,
        left_out=frozenset({Answer.SAFETY, Answer.BOOTING}),
        moves_at=frozenset({"look_up", "running", "reply"}),
    ),
    over=(_OVER - {ItemState.DONE}) | {ItemState.BLOCKED},
    limit=5_000,
)
#: What needs a failing pi, which the small space has, or an item that ended between two readings.
NOT_IN_LARGE: frozenset[Step] = frozenset(
    {
        (RunState.DIRECT, RunEvent.FAILED, RunState.FINALIZE),
        (RunState.ENQUEUE, RunEvent.ITEM_FOUND_ENDED, RunState.FINALIZE),
    }
)


def explore(scenario: Scenario) -> Space:
    """Go every way of a scenario; see `Explorer.explore`."""
    item = work_item_for(scenario.request, unique="u")
    world = World(item.item_id, item.request_hash, scenario.bounds)
    with pytest.MonkeyPatch.context() as patch:
        if scenario.patience is not None:
            patch.setattr(conclusion, "PATIENCE", scenario.patience)
        rules = Rules(always=wrong_so_far, at_end=_wrong_at_the_end)
        explorer = Explorer(
            scenario.command, scenario.request, [world], rules, limit=scenario.limit
        )
        return explorer.explore()


def wrong_so_far(record: RunContext, world: World) -> str | None:
    """Say which promise a running command breaks."""
    if record.verdict.completed and not world.was_done:
        return "judged as completed, which was never true"
    if world.starts > 1 + _MAX_RESTARTS or record.restarts > _MAX_RESTARTS:
        return "the daemon was started more often than allowed"
    return _wrong_in_millrace(world)


def wrong_at_the_end(result: RunResult, world: World) -> str | None:  # noqa: PLR0911 - one for each
    """Say which promise a result breaks, or what its run left behind."""
    completed = result.outcome is Outcome.COMPLETED
    delegated = result.work_item_id is not None
    if result.scoped_completion and not world.was_done:
        return "completed, which was never true"
    if completed and result.scoped_completion is not delegated:
        return "a delegated run is completed exactly by its item's proof"
    if result.scoped_completion and not (completed and result.proof):
        return "proven, and not reported as completed with the proof"
    if completed is bool(result.missing_evidence):
        return "missing evidence is reported exactly without completion"
    if completed is not (exit_code_of(result) == 0):
        return "exit code 0 means completed, and nothing else does"
    if (result.cancel_reason is not None) is not (result.outcome is Outcome.CANCELLED):
        return "the canceller is named exactly for a cancelled run"
    if world.watchers or world.locks or world.control_held:
        return "a lease or a lock is still held"
    if world.owns_daemon and not world.refused_lease:
        return "an owned daemon runs on"
    return _wrong_in_millrace(world)


def wrong_submission(submission: Submission, world: World) -> str | None:
    """Say which promise a submission breaks, or what it left behind."""
    succeeded = submission.exit_code is ExitCode.COMPLETED
    if world.starts or world.stopped:
        return "a submission started or stopped a daemon"
    if submission.item_status is not None and submission.daemon is not world.daemon:
        return "the daemon that will work on the item is not named"
    if succeeded and world.place_of_item() in {ItemState.ABSENT, *_OVER} - {ItemState.DONE}:
        return "reported as queued, which it is not"
    if submission.errors and submission.cancel_reason is not None:
        return "it failed or was cancelled, not both"
    if world.watchers or world.locks or world.control_held:
        return "a lease or a lock is still held"
    return _wrong_in_millrace(world)


def _wrong_in_millrace(world: World) -> str | None:
    if len(world.enqueued) > 1 or len(world.items) > 1:
        return "the work was added twice"
    return None


def wrong_with(space: Space, over: frozenset[ItemState]) -> list[str]:
    """Say what is wrong with a whole space, where no single state of it breaks a promise.

    Args:
        space: the explored space.
        over: where an item may stay for ever.
    """
    problems = [f"no way leads on: {node.place}" for node in space.nodes.values() if not node.menu]
    if space.not_gone:
        problems.append(f"{space.not_gone} ways were not gone")
    if space.endless():
        problems.append("a run may go round for ever")
    lost = {rest.world.place_of_item() for rest in space.lost()} - over
    return [*problems, *(f"no run completes an item that is {place}" for place in lost)]


def untaken(space: Space, edges: Sequence[Edge] | None = None) -> set[Step]:
    """Return the rows of a table (by default that of a run) that no command of a space took."""
    rows = lifecycle.EDGES if edges is None else edges
    return {(row.source, row.event, row.dest) for row in rows} - space.steps


def needs_others(step: Step) -> bool:
    """Whether only a wish to stop, a slow pi or another caller's add leads to a row."""
    source, event, _ = step
    found = event in {RunEvent.ITEM_FOUND_LIVE, RunEvent.ITEM_FOUND_ENDED}
    return event in {RunEvent.CANCELLED, RunEvent.TIMED_OUT} or (
        source is RunState.ENQUEUE and found
    )
