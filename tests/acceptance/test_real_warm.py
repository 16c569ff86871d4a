"""Delegated runs with a warm Millrace, on by default, and its end in every way a run can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RuntimeStatus
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.daemon import WorkspaceDaemon
from millracer.millrace.daemon.ownership import write_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.fork_server.runner import ForkServerRunner
from millracer.system import process_table, processes
from tests.support.cli import FORCED, Millracer, Running, daemon_pid, wait_until
from tests.support.processes import warm_processes
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

_SLOW = Scenario(default=Step(seconds=1.5))


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[Scenario], Millracer]:
    def build(scenario: Scenario) -> Millracer:
        return Millracer(
            make_workspace(tmp_path / "workspace", millrace_command, scenario), millrace_command
        )

    return build


def at_work(millracer: Millracer, *arguments: str) -> tuple[Running, psutil.Process]:
    """Start a task, wait for its first stage, and return the run and the daemon."""
    running = millracer.start(*FORCED, *arguments, "Make it blue")
    wait_until(lambda: bool(millracer.workspace.stages()), "a stage starts")
    pid = daemon_pid(millracer.workspace)
    assert pid is not None
    return running, psutil.Process(pid)


@pytest.mark.ending
def test_a_run_forks_its_commands_and_its_daemon_and_leaves_nothing(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    running, daemon = at_work(prepare(_SLOW))
    (warm,) = warm_processes(running.process.pid)
    assert daemon.parent() == warm
    ran = running.finish()

    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert not warm.is_running()
    assert not daemon.is_running()


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_run_can_do_without(
    prepare: Callable[[Scenario], Millracer],
    monkeypatch: pytest.MonkeyPatch,
    *,
    by_variable: bool,
) -> None:
    if by_variable:
        monkeypatch.setenv("MILLRACER_NO_WARM_MILLRACE", "1")
    running, daemon = at_work(prepare(_SLOW), *(() if by_variable else ("--no-warm-millrace",)))
    assert warm_processes(running.process.pid) == []
    assert daemon.ppid() == running.process.pid

    assert running.finish().exit_code == 0


def test_a_kept_daemon_lives_on_without_it(prepare: Callable[[Scenario], Millracer]) -> None:
    millracer = prepare(_SLOW)
    running, daemon = at_work(millracer, "--keep-daemon")
    (warm,) = warm_processes(running.process.pid)
    ran = running.finish()
    try:
        assert ran.exit_code == 0, ran.stderr
        assert not warm.is_running()
        assert daemon.is_running()
        assert "mailbox" in millracer.millrace_says("control", "stop")
        wait_until(lambda: process_table.started_at(daemon.pid) is None, "the kept daemon stops")
    finally:
        processes.end_group(daemon.pid, grace_seconds=1)


def test_it_dies_with_a_killed_run_whose_daemon_a_plain_run_stops(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(_SLOW)
    running, daemon = at_work(millracer)
    (warm,) = warm_processes(running.process.pid)
    running.send(signal.SIGKILL)
    running.process.communicate(timeout=60)
    wait_until(lambda: process_table.started_at(warm.pid) is None, "the warm process is gone")
    assert daemon.is_running()

    ran = millracer.run(*FORCED, "--no-warm-millrace", "Make it green")

    assert ran.exit_code == 0, ran.stderr
    assert process_table.started_at(daemon.pid) is None


def test_a_run_whose_warm_process_is_killed_continues_without_it(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    running, daemon = at_work(prepare(_SLOW))
    (warm,) = warm_processes(running.process.pid)
    warm.kill()
    ran = running.finish()

    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert ran.result["errors"] == []
    assert process_table.started_at(daemon.pid) is None


def test_a_daemon_forked_for_one_who_died_at_once_is_found_and_stopped(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())
    paths = WorkspacePaths(millracer.workspace.root)
    paths.make_own()
    warm = MillraceCalls(
        argv=(millracer.millrace,),
        workspace=paths.root,
        cwd=paths.root,
        env=dict(os.environ),
        runner=ForkServerRunner(),
    )
    warm.warm_up()
    warm.checked("queue", "ls", wait=Wait.for_seconds(60))
    token = processes.new_token()
    write_ownership(paths, OwnershipRecord(token=token, mode_id="default_pi", log=os.devnull))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    pid = warm.spawn_daemon(
        *("run", "daemon", "--mode", "default_pi"),
        token=token,
        output=nowhere,
        wait=Wait.for_seconds(60),
    )
    os.close(nowhere)
    warm.runner.close()
    try:
        daemon = WorkspaceDaemon(
            MillraceCalls(argv=(millracer.millrace,), workspace=paths.root, cwd=paths.root),
            paths,
            safety_seconds=60,
            status_reader=_no_status,
            version=lambda: None,
        )
        lease = daemon.lease(Wait.for_seconds(10))
        with daemon.control(Wait.for_seconds(10)) as control:
            found = control.running(Wait.for_seconds(10))
        assert found is not None
        assert (found.pid, found.owned) == (pid, True)
        assert lease.leave(Wait.for_seconds(20), keep_daemon=False) is False
        assert process_table.started_at(pid) is None
    finally:
        processes.end_token(token, grace_seconds=0)


def _no_status(_: Wait) -> RuntimeStatus:
    raise AssertionError("the snapshot says it")


def test_an_operators_session_keeps_one_for_all_its_tasks(
    prepare: Callable[[Scenario], Millracer], tmp_path: Path
) -> None:
    millracer = prepare(Scenario())
    command = (
        *(sys.executable, "-m", "millracer", "operator", *FORCED),
        *("--workspace", str(millracer.workspace.root), "--millrace-command", millracer.millrace),
    )
    finished = millracer.workspace.agents / "tasks" / "done"
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said) as session,
    ):
        assert session.stdin is not None
        seen = []
        for task, done in (("Make it blue", 1), ("Make it green", 2)):
            session.stdin.write(f"{task}\n".encode())
            session.stdin.flush()
            wait_until(
                lambda done=done: len(list(finished.glob("*.md"))) == done, "the task is done"
            )
            seen += warm_processes(session.pid)
        session.stdin.close()
        session.wait(60)

    assert session.returncode == 0, (tmp_path / "said").read_text()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert not seen[0].is_running()
