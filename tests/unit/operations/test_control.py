"""Pausing, resuming and stopping: the report is what was observed."""

from collections.abc import Callable

import pytest

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.control import ControlOutcome, ControlReport
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import CommandReply, CommandState, RunningDaemon
from millracer.errors import ExitCode, RunWarning, ToolFailed
from millracer.operations import control
from millracer.testing.backend import ScriptedBackend

KEPT = RunningDaemon(pid=9, started=1.0, owned=False, kept=True)


def pause(millrace: ScriptedBackend) -> ControlReport:
    return control.pause(millrace, Cancellation())


def resume(millrace: ScriptedBackend) -> ControlReport:
    return control.resume(millrace, Cancellation())


def stop(millrace: ScriptedBackend, *, force: bool = False) -> ControlReport:
    return control.stop(millrace, Cancellation(), force=force)


def ending_of(report: ControlReport) -> tuple[ControlOutcome, int]:
    return report.outcome, report.exit_code


def codes(report: ControlReport) -> list[str]:
    return [error.code for error in report.errors]


def test_a_pause_is_reported_once_it_is_seen_and_again_as_already_so() -> None:
    millrace = ScriptedBackend()

    first, again = pause(millrace), pause(millrace)

    assert ending_of(first) == (ControlOutcome.DONE, ExitCode.COMPLETED)
    assert ending_of(again) == (ControlOutcome.ALREADY, ExitCode.COMPLETED)
    assert first.message == again.message
    assert millrace.calls.count("pause") == 1


def test_a_stage_that_continues_beside_a_pause_is_named() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.holds("t1", ItemState.ACTIVE)
    millrace.active_stage = "builder"

    message = pause(millrace).message

    assert "builder" in message
    assert "t1" in message


def test_the_end_of_a_pause_is_reported_once_it_is_seen() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    assert ending_of(resume(millrace)) == (ControlOutcome.ALREADY, ExitCode.COMPLETED)
    millrace.paused = True
    assert resume(millrace).message
    assert not millrace.paused


@pytest.mark.parametrize(("command", "paused"), [(pause, False), (resume, True)])
def test_an_effect_the_daemon_did_not_reach_in_time_is_not_reported_as_done(
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[ScriptedBackend], ControlReport],
    *,
    paused: bool,
) -> None:
    monkeypatch.setattr(control, "CONFIRM_SECONDS", 0.0)
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.paused = paused
    millrace.fates.append(CommandReply(state=CommandState.WAITING))

    def as_before() -> None:
        millrace.paused = paused

    millrace.will_do(command.__name__, as_before, after=True)

    report = command(millrace)

    assert ending_of(report) == (ControlOutcome.NOT_CONFIRMED, ExitCode.TIMED_OUT)
    assert [step.action for step in report.next_steps] == ["look"]


def test_what_a_daemon_refuses_is_an_error() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.fates.append(CommandReply(state=CommandState.REFUSED, detail="not today"))

    report = pause(millrace)

    assert (codes(report), report.exit_code) == (["millrace_failed"], ExitCode.FAILED)
    assert "not today" in report.message


def test_a_pause_that_another_source_keeps_up_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    millrace = ScriptedBackend()
    millrace.paused = True
    status = ScriptedBackend._status

    def governed(self: ScriptedBackend) -> object:
        self.paused = True
        said = status(self)
        object.__setattr__(said, "pause_sources", "usage_governance")
        return said

    monkeypatch.setattr(ScriptedBackend, "_status", governed)

    report = resume(millrace)

    assert ending_of(report) == (ControlOutcome.NOT_POSSIBLE, ExitCode.BLOCKED)
    assert "usage_governance" in report.message


@pytest.mark.parametrize("command", [pause, resume])
def test_a_directory_without_millrace_cannot_be_paused(
    command: Callable[[ScriptedBackend], ControlReport],
) -> None:
    report = command(ScriptedBackend(is_initialised=False))

    assert (codes(report), report.exit_code) == (["invalid_request"], ExitCode.USAGE)
    assert report.errors[0].suggested_action


@pytest.mark.parametrize("daemon", ["ours", "kept"])
def test_an_owned_daemon_is_stopped_and_the_waiting_work_is_named(daemon: str) -> None:
    millrace = ScriptedBackend()
    running = millrace.has_daemon(owned=True)
    if daemon == "kept":
        running = millrace.daemon = KEPT
    millrace.holds("t1", ItemState.ACTIVE)

    report = stop(millrace)

    assert ending_of(report) == (ControlOutcome.DONE, ExitCode.COMPLETED)
    assert millrace.stopped == [running.pid]
    assert [step.command for step in report.next_steps] == [
        "millracer watch t1 --workspace /workspace"
    ]
    assert ending_of(stop(millrace)) == (ControlOutcome.ALREADY, ExitCode.COMPLETED)


def test_what_a_dead_daemon_left_is_cleared_on_the_way() -> None:
    millrace = ScriptedBackend()
    millrace.stale = True

    cleared, nothing = stop(millrace).message, stop(millrace).message

    assert cleared.startswith(nothing)
    assert cleared != nothing


def test_nothing_is_made_where_millrace_never_was() -> None:
    millrace = ScriptedBackend(is_initialised=False)

    assert ending_of(stop(millrace)) == (ControlOutcome.ALREADY, ExitCode.COMPLETED)
    assert millrace.calls == []


@pytest.mark.parametrize("why", ["another's", "watched"])
def test_a_daemon_with_other_watchers_is_ended_by_force_alone(why: str) -> None:
    millrace = ScriptedBackend()
    running = millrace.has_daemon(owned=why == "watched")
    millrace.watchers = int(why == "watched")

    refused = stop(millrace)

    assert (codes(refused), refused.exit_code) == (["daemon_in_use"], ExitCode.USAGE)
    assert "--force" in (refused.errors[0].suggested_action or "")
    assert millrace.daemon == running
    assert ending_of(stop(millrace, force=True)) == (ControlOutcome.DONE, ExitCode.COMPLETED)
    assert millrace.daemon is None


def test_a_daemon_of_anothers_that_works_on_is_not_called_stopped() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.active_stage = "builder"

    report = stop(millrace, force=True)

    assert ending_of(report) == (ControlOutcome.NOT_CONFIRMED, ExitCode.TIMED_OUT)
    assert "builder" in report.message


def test_who_stops_the_command_gets_its_code() -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)

    report = control.pause(ScriptedBackend(), cancellation)

    assert report.exit_code == ExitCode.TERMINATED
    assert report.outcome is ControlOutcome.NOT_CONFIRMED


def test_a_tool_that_fails_is_the_reports_error() -> None:
    millrace = ScriptedBackend()
    millrace.will_fail("pause", ToolFailed("millrace", "no", suggested_action="mend it"))

    assert (codes(pause(millrace)), pause(millrace).version) == (["millrace_failed"], "0.21.1")


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_daemon_out_of_sight_is_never_called_stopped(*, is_alive: bool) -> None:
    millrace = ScriptedBackend()
    running = millrace.has_daemon_out_of_sight(is_alive=is_alive)

    refused, forced = stop(millrace), stop(millrace, force=True)

    assert (codes(refused), refused.exit_code) == (["daemon_in_use"], ExitCode.USAGE)
    assert ending_of(forced) == (ControlOutcome.NOT_CONFIRMED, ExitCode.TIMED_OUT)
    advice = str(refused.errors[0].suggested_action)
    for words in (refused.message, forced.message):
        assert f"process {running.pid} on host gone" in words
        assert "2026-11-22 12:00:00 UTC" in words
    for words in (advice, forced.message):
        assert ("/w/lock.json" in words) is not is_alive
        assert "gone" in words
    assert millrace.daemon == running


def test_a_stop_hands_on_that_the_repair_after_it_failed() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon(owned=True)
    millrace.notices_at_end = (RunWarning("repair_failed", "too slow"),)

    report = stop(millrace)

    assert ending_of(report) == (ControlOutcome.DONE, ExitCode.COMPLETED)
    assert report.warnings == millrace.notices_at_end
