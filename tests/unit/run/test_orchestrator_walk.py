"""The orchestrator at random: what pi answers, what Millrace shows, where the process dies.

The same request is run again and again. Whatever happened before: nothing is completed without
proof, the work is enqueued at most once, a run that ends leaves nothing running and has one result.
"""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.requests import Limits, RunRequest, ScopedWork
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import exit_code_of
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import ItemState
from millracer.errors import MillracerError, RunWarning, ToolFailed, ToolTimeout
from millracer.ports import TextListener
from millracer.run import watch
from millracer.run.orchestrator import Orchestrator
from millracer.testing.agent import ScriptedModels
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import (
    Step,
    daemon_dies,
    daemon_is_stopped,
    due_poll,
    item_ends,
    item_goes,
    nothing_new,
    stage_runs,
    workspace_paused,
)

REQUEST = RunRequest(
    task="Make the widget blue",
    request_id="req-1",
    scope=ScopedWork(item_id="ITEM-1"),
    limits=Limits(max_daemon_restarts=2),
    notify_terminal_stages=False,
)
ITEM = work_item_for(REQUEST, unique="u")
CALLS = [
    "check_supported",
    "look_up",
    "read_status",
    "initialise",
    "lock_item",
    "add",
    "control",
    "validate_mode",
    "start",
    "repair",
    "lease",
    "next_hints",
    "gather_evidence",
]
STEPS = st.sampled_from(
    [
        nothing_new(),
        due_poll(),
        stage_runs("builder"),
        stage_runs("updater", item_id="a-stranger"),
        item_goes(ItemState.QUEUED),
        item_goes(ItemState.ACTIVE),
        item_goes(ItemState.CANCELLED),
        item_ends(ItemState.BLOCKED),
        item_ends(proven=True),
        item_ends(proven=False),
        daemon_dies(),
        daemon_is_stopped(),
        workspace_paused(),
    ]
)
ANSWERS = st.sampled_from(
    [
        json.dumps({"decision": "millrace", "intake_kind": "task", "why": "w"}),
        json.dumps({"decision": "millrace", "intake_kind": "task", "mode": "no_such"}),
        json.dumps({"decision": "direct", "why": "w"}),
        "It is completed. scoped_completion: true",
        "",
        "fails",
        "times out",
    ]
)


class ProcessDied(BaseException):
    """The run's process was killed: nothing of it runs on, not even its clean-up."""


class WalkingPi(ScriptedModels):
    """Answers in turn with whatever was drawn."""

    version = "0.73.1"
    notices: tuple[RunWarning, ...] = ()
    usage: AgentUsage = NO_TURNS

    def __init__(self, answers: list[str]) -> None:
        self._answers = deque(answers)

    def begin(self) -> None:
        pass

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        answer = self._answers.popleft() if self._answers else "fails"
        match answer:
            case "fails" | "":
                raise ToolFailed("pi", "429")
            case "times out":
                raise ToolTimeout("pi", "slow")
            case _:
                return answer

    def close(self, wait: Wait) -> None:
        pass


class WalkingMillrace(ScriptedBackend):
    """Shows every drawn step, and lets the process die, or a call fail, where it was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at: tuple[str, int, bool] | None = None
        self.fails_at: tuple[str, int, MillracerError | Cancelled] | None = None
        self.counts: dict[str, int] = {}

    def begin(self, steps: list[Step]) -> None:
        self._steps = deque(steps)
        self.counts = {}

    def process_died(self) -> None:
        """What the kernel does: leases and locks are free, a daemon lives on."""
        self.watchers, self.control_held = 0, False
        self.locks.clear()

    @contextmanager
    def _called(self, name: str, wait: Wait) -> Iterator[None]:
        self.counts[name] = count = self.counts.get(name, 0) + 1
        if self.dies_at == (name, count, False):
            raise ProcessDied
        if self.fails_at is not None and self.fails_at[:2] == (name, count):
            raise self.fails_at[2]
        with super()._called(name, wait):
            yield
        if self.dies_at == (name, count, True):
            raise ProcessDied

    def _next_step(self) -> Step:
        if not self._steps:
            return item_ends(ItemState.BLOCKED)
        step = self._steps.popleft()
        return nothing_new() if step.daemon is not None and self.daemon is None else step


class OrchestratorWalk(RuleBasedStateMachine):
    """One workspace, one request, run after run."""

    def __init__(self) -> None:
        super().__init__()
        self.millrace = WalkingMillrace()
        self.millrace.rejects_mode("no_such")

    @rule(
        answers=st.lists(ANSWERS, max_size=4),
        steps=st.lists(STEPS, max_size=8),
        dies_at=st.none() | st.tuples(st.sampled_from(CALLS), st.integers(1, 4), st.booleans()),
        fails_at=st.none()
        | st.tuples(
            st.sampled_from(CALLS),
            st.integers(1, 4),
            st.sampled_from(
                [
                    ToolFailed("millrace", "no"),
                    ToolTimeout("millrace", "slow"),
                    Cancelled(CancelReason.INTERRUPTED),
                ]
            ),
        ),
    )
    def run_it(
        self,
        answers: list[str],
        steps: list[Step],
        dies_at: tuple[str, int, bool] | None,
        fails_at: tuple[str, int, MillracerError | Cancelled] | None,
    ) -> None:
        millrace = self.millrace
        millrace.begin(steps)
        millrace.dies_at, millrace.fails_at = dies_at, fails_at
        orchestrator = Orchestrator(
            millrace=millrace, pi=WalkingPi(answers), clock=FrozenClock(), unique=lambda: "u"
        )
        try:
            result = orchestrator.run(REQUEST, Cancellation())
        except ProcessDied:
            millrace.process_died()
            return
        held = millrace.items.get(ITEM.item_id)
        proven = held is not None and held.state is ItemState.DONE and held.proven
        assert result.scoped_completion <= proven
        if result.outcome is Outcome.COMPLETED:
            assert result.scoped_completion or result.work_item_id is None
        assert bool(result.missing_evidence) is (result.outcome is not Outcome.COMPLETED)
        assert exit_code_of(result) == 0 or result.outcome is not Outcome.COMPLETED
        assert millrace.watchers == 0
        assert millrace.daemon is None or not millrace.daemon.owned or _could_not_leave(fails_at)

    @rule()
    def an_operator_unblocks_the_item(self) -> None:
        held = self.millrace.items.get(ITEM.item_id)
        if held is not None and held.state in {ItemState.BLOCKED, ItemState.CANCELLED}:
            held.state = ItemState.QUEUED
        self.millrace.paused = False

    @invariant()
    def the_work_is_enqueued_at_most_once(self) -> None:
        assert self.millrace.enqueued in ([], [ITEM.item_id])
        assert not self.millrace.locks
        assert not self.millrace.control_held


def _could_not_leave(fails_at: tuple[str, int, MillracerError | Cancelled] | None) -> bool:
    """Whether even the lease that is needed to stop a daemon was refused."""
    return fails_at is not None and fails_at[0] == "lease"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_READ_AGAIN_SECONDS", 0.0)


TestOrchestratorWalk = OrchestratorWalk.TestCase
TestOrchestratorWalk.settings = settings(stateful_step_count=12)
