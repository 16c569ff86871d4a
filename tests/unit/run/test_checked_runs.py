"""Runs with demanded checks on a scripted backend, agent, repository and check runner."""

from __future__ import annotations

import json

import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.checks import Argv, CheckPlace, CheckRun, DemandedChecks, WorkVerification
from millracer.domain.event_log import EventType
from millracer.domain.requests import Finalizer, IntakePreference, RoutePreference, RunRequest
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode
from millracer.ports import Export
from millracer.run.orchestrator import Orchestrator
from millracer.schemas.run.result import render_result
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.checks import ScriptedCheckRunner
from millracer.testing.clock import FrozenClock
from millracer.testing.repository import ScriptedRepository
from millracer.testing.steps import Step, item_ends, stage_runs

PYTEST: Argv = ("pytest", "-q")
LINT: Argv = ("make", "lint")
DONE = (stage_runs("builder"), stage_runs("updater"), item_ends())


class Scene:
    """One workspace, in which requests run."""

    def __init__(self, *answers: str, results: dict[Argv, CheckRun] | None = None) -> None:
        self.pi = ScriptedAgent(*answers)
        self.millrace = ScriptedBackend()
        self.repository = ScriptedRepository()
        self.runner = _Runner(self.millrace, results)
        self.cancellation = Cancellation()
        self.heard: list[ProgressEvent] = []

    def run(self, *steps: Step, **fields: object) -> RunResult:
        self.millrace.will_show(*steps)
        orchestrator = Orchestrator(
            millrace=self.millrace,
            pi=self.pi,
            clock=FrozenClock(),
            unique=lambda: "unique",
            repository=self.repository,
            check_runner=self.runner,
            listeners=(self.heard.append,),
        )
        return orchestrator.run(asked(**fields), self.cancellation)

    @property
    def checked(self) -> list[tuple[str, str]]:
        kinds = (EventType.CHECK_STARTED, EventType.CHECK_ENDED)
        return [(each.type, each.severity) for each in self.heard if each.type in kinds]


class _Runner(ScriptedCheckRunner):
    """Refuses to run while a daemon is watched."""

    def __init__(self, millrace: ScriptedBackend, results: dict[Argv, CheckRun] | None) -> None:
        super().__init__(results)
        self._millrace = millrace

    def run(self, argv: Argv, folder: str, wait: Wait) -> CheckRun:
        assert self._millrace.watchers == 0
        assert len(self._millrace.stopped) == len(self._millrace.started)
        return super().run(argv, folder, wait)


def asked(*commands: Argv, place: CheckPlace = CheckPlace.EXPORT, **fields: object) -> RunRequest:
    plain: dict[str, object] = {
        "task": "Make the widget blue",
        "request_id": "req-1",
        "request_id_named": True,
        "route": RoutePreference.MILLRACE,
        "intake": IntakePreference.TASK,
        "finalizer": Finalizer.SUMMARY,
        "checks": DemandedChecks(commands=commands or (PYTEST,), place=place),
    }
    return RunRequest(**{**plain, **fields})


def test_work_is_completed_after_its_checks_passed() -> None:
    scene = Scene()

    result = scene.run(*DONE, checks=DemandedChecks(commands=(PYTEST, LINT)))

    assert (result.outcome, result.verification) == (
        Outcome.COMPLETED,
        WorkVerification.VERIFIED,
    )
    assert result.scoped_completion
    assert scene.runner.calls == [(PYTEST, "/export"), (LINT, "/export")]
    assert [fact.source for fact in result.proof][-2:] == ["pytest -q", "make lint"]
    assert {fact.tree for fact in result.checks} == {"0" * 40}
    assert scene.checked == [("check.started", "info"), ("check.ended", "info")] * 2


def test_a_failed_check_contradicts_the_proof() -> None:
    failed = CheckRun(exit_code=2, seconds=1.5, output="E   assert 1 == 2")
    scene = Scene(results={PYTEST: failed})

    result = scene.run(*DONE, checks=DemandedChecks(commands=(PYTEST, LINT)))

    assert (result.outcome, result.verification) == (
        Outcome.INCOMPLETE,
        WorkVerification.CONTRADICTED,
    )
    assert not result.scoped_completion
    assert exit_code_of(result) is ExitCode.INCOMPLETE
    assert result.event is not None
    assert "pytest -q" in result.event.reason
    assert "make lint" not in result.event.reason
    (gap,) = result.missing_evidence
    assert "exit code 2" in gap.found
    assert "assert 1 == 2" in gap.found
    assert "pytest -q" in result.output
    assert ("check.ended", "warning") in scene.checked
    document = json.loads(render_result(result))
    assert document["completion_evidence"] == []
    assert document["verification"] == "contradicted"
    assert [(each["argv"], each["passed"]) for each in document["checks"]] == [
        (["pytest", "-q"], False),
        (["make", "lint"], True),
    ]


def test_a_check_without_a_result_leaves_the_work_unverified() -> None:
    scene = Scene(results={PYTEST: CheckRun(exit_code=None, problem="it did not end in time")})

    result = scene.run(*DONE)

    assert (result.outcome, result.verification) == (
        Outcome.INCOMPLETE,
        WorkVerification.UNVERIFIED,
    )
    assert "did not end in time" in result.missing_evidence[0].found


def test_without_an_export_no_check_runs_and_none_has_passed() -> None:
    scene = Scene()
    scene.repository.exported = Export(problem="inner is a submodule")

    result = scene.run(*DONE)

    assert scene.runner.calls == []
    assert (result.outcome, result.verification) == (
        Outcome.INCOMPLETE,
        WorkVerification.UNVERIFIED,
    )
    assert "inner is a submodule" in result.missing_evidence[0].found
    assert "--check-in workspace" in result.missing_evidence[0].found


def test_checks_in_the_workspace_need_no_export() -> None:
    scene = Scene()
    scene.repository.exported = Export(problem="inner is a submodule")
    demanded = DemandedChecks(commands=(PYTEST,), place=CheckPlace.WORKSPACE)

    result = scene.run(*DONE, checks=demanded)

    assert scene.runner.calls == [(PYTEST, scene.millrace.workspace)]
    assert result.outcome is Outcome.COMPLETED


def test_a_repeated_request_is_checked_again() -> None:
    scene = Scene()
    first = scene.run(*DONE)
    scene.runner.results[PYTEST] = CheckRun(exit_code=1)

    again = scene.run()

    assert first.outcome is Outcome.COMPLETED
    assert (again.outcome, again.verification) == (
        Outcome.INCOMPLETE,
        WorkVerification.CONTRADICTED,
    )
    assert len(scene.runner.calls) == 2
    assert "already_completed" not in [warning.code for warning in again.warnings]


def test_blocked_work_is_not_checked() -> None:
    scene = Scene()

    result = scene.run(stage_runs("builder"), item_ends(ItemState.BLOCKED))

    assert (result.outcome, result.verification) == (
        Outcome.BLOCKED,
        WorkVerification.UNVERIFIED,
    )
    assert scene.runner.calls == []
    assert result.checks == ()


def test_a_stop_request_during_a_check_cancels_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()

    def stop(argv: Argv, folder: str, wait: Wait) -> CheckRun:
        del argv, folder
        scene.cancellation.cancel(CancelReason.INTERRUPTED)
        wait.cancellation.raise_if_cancelled()
        raise AssertionError("the stop was not seen")

    monkeypatch.setattr(scene.runner, "run", stop)

    result = scene.run(*DONE)

    assert (result.outcome, result.verification) == (
        Outcome.CANCELLED,
        WorkVerification.UNVERIFIED,
    )
    assert result.cancel_reason is CancelReason.INTERRUPTED
    assert not result.scoped_completion


@pytest.mark.parametrize(
    ("exit_code", "outcome"), [(0, Outcome.COMPLETED), (1, Outcome.INCOMPLETE)]
)
def test_a_direct_answer_is_completed_only_if_its_checks_pass(
    exit_code: int, outcome: Outcome
) -> None:
    scene = Scene("It is blue.", results={PYTEST: CheckRun(exit_code=exit_code)})

    result = scene.run(route=RoutePreference.DIRECT)

    assert result.outcome is outcome
    assert result.output == "It is blue."
    assert not result.scoped_completion
    assert [fact.exit_code for fact in result.checks] == [exit_code]
    assert bool(result.missing_evidence) is bool(exit_code)


def test_without_demanded_checks_nothing_runs() -> None:
    scene = Scene()

    result = scene.run(*DONE, checks=DemandedChecks())

    assert (result.outcome, result.verification) == (Outcome.COMPLETED, None)
    assert scene.runner.calls == []


def test_an_observing_run_checks_nothing_in_the_workspace() -> None:
    scene = Scene()
    item_id = scene.run(*DONE).work_item_id
    demanded = DemandedChecks(commands=(PYTEST,), place=CheckPlace.WORKSPACE)
    scene.runner.calls.clear()

    result = scene.run(task="", resume=item_id, observe=True, checks=demanded)

    assert scene.runner.calls == []
    assert (result.outcome, result.verification) == (
        Outcome.INCOMPLETE,
        WorkVerification.UNVERIFIED,
    )
