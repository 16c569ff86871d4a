"""`start` begins a daemon that outlives every command, in the requested mode."""

from dataclasses import replace

from millracer.cancellation import Cancellation
from millracer.domain.control import ControlOutcome, ControlReport
from millracer.domain.requests import RunRequest
from millracer.errors import ExitCode
from millracer.operations import start as starting
from millracer.testing.backend import ScriptedBackend

REQUEST = RunRequest(task="", request_id="start")


def start(millrace: ScriptedBackend, mode: str | None = None) -> ControlReport:
    return starting.start(replace(REQUEST, mode=mode), millrace, Cancellation())


def test_a_daemon_is_started_once_and_kept() -> None:
    millrace = ScriptedBackend()

    first, again = start(millrace), start(millrace)

    assert (first.outcome, first.exit_code) == (ControlOutcome.DONE, ExitCode.COMPLETED)
    assert (again.outcome, again.exit_code) == (ControlOutcome.ALREADY, ExitCode.COMPLETED)
    assert millrace.started == ["default_pi"]
    assert millrace.daemon is not None
    assert millrace.daemon.kept
    assert millrace.watchers == 0
    assert [step.action for step in first.next_steps] == ["watch", "stop"]


def test_a_daemon_that_a_run_would_stop_is_kept_from_now_on() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon(owned=True)

    assert start(millrace).outcome is ControlOutcome.ALREADY
    assert millrace.daemon is not None
    assert millrace.daemon.kept
    assert millrace.started == []


def test_a_mode_that_cannot_be_used_starts_nothing_and_leaves_no_lease() -> None:
    millrace = ScriptedBackend()
    millrace.rejects_mode("nonsense")

    report = start(millrace, "nonsense")

    assert [error.code for error in report.errors] == ["workspace_unusable"]
    assert (millrace.started, millrace.watchers) == ([], 0)


def test_another_mode_than_the_running_daemons_is_refused() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon(mode_id="lad_codex")

    assert [error.code for error in start(millrace, "lad_pi").errors] == ["mode_conflict"]


def test_a_daemon_that_does_not_boot_in_time_is_not_confirmed() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon(owned=True, booting=True)
    starting_limit, starting.BOOT_SECONDS = starting.BOOT_SECONDS, 0.0
    try:
        report = start(millrace)
    finally:
        starting.BOOT_SECONDS = starting_limit

    assert (report.outcome, report.exit_code) == (
        ControlOutcome.NOT_CONFIRMED,
        ExitCode.TIMED_OUT,
    )


def test_a_directory_without_a_workspace_is_wrong_use() -> None:
    assert start(ScriptedBackend(is_initialised=False)).exit_code == ExitCode.USAGE
