"""Processes as the system shows them, real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolNotFound
from millracer.pi.channel import PiChannel
from millracer.system import process_table, processes
from millracer.system.files import try_lock
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command
from tests.support.processes import children

pytestmark = pytest.mark.portable

HEADLESS = Path(__file__).parents[2] / "children" / "headless.py"
TOKEN = "t" * 32


@contextmanager
def headless(lock: Path, *, lingers: float) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a child process that has the lock and whose first thread has ended."""
    with subprocess.Popen(
        [sys.executable, HEADLESS, lock, str(lingers)],
        env={**os.environ, TOKEN_VARIABLE: TOKEN},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            limit = Wait.for_seconds(10)
            while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
                assert not limit.expired, "its first thread did not end"
                limit.sleep(0.01)
            yield child
        finally:
            child.kill()


def is_free(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR)
    try:
        return try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def test_a_process_lives_while_any_of_its_threads_does(tmp_path: Path) -> None:
    with headless(tmp_path / "lock", lingers=0) as child:
        started = process_table.started_at(child.pid)

        assert started is not None
        assert process_table.is_same_process(child.pid, started)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_table.started_at(child.pid) is None


@pytest.mark.parametrize("lingers", [0.3, 60])
def test_what_was_ended_has_closed_its_files(tmp_path: Path, lingers: float) -> None:
    lock = tmp_path / "lock"
    with headless(lock, lingers=lingers) as child:
        processes.end_token(TOKEN, grace_seconds=1, group=child.pid)

        assert is_free(lock)


def test_a_start_time_that_moved_with_the_clock_is_the_same_process() -> None:
    started = process_table.started_at(os.getpid())

    assert started is not None
    assert process_table.is_same_process(os.getpid(), started + 1)
    assert not process_table.is_same_process(os.getpid(), started + 3)


@pytest.fixture
def interrupted_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come when a program has been started and its pid is not recorded yet."""
    fork_exec = subprocess._fork_exec

    def interrupted(*arguments: object) -> object:
        started = fork_exec(*arguments)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
        return started

    monkeypatch.setattr(subprocess, "_fork_exec", interrupted)


@pytest.mark.usefixtures("interrupted_starts")
def test_a_program_that_is_just_started_is_not_left_behind_by_an_interrupt() -> None:
    before = set(children())
    command = Command(tool="sleep", argv=("sleep", "60"))

    with pytest.raises(KeyboardInterrupt):
        processes.run(command, Wait.for_seconds(60))

    assert set(children()) == before


def test_a_pi_that_is_just_started_is_not_left_behind_by_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "start_whole", lambda start: start())
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    before = set(children())

    with pytest.raises(KeyboardInterrupt):
        PiChannel(Command(tool="pi", argv=("sleep", "60")))

    assert set(children()) == before


def test_a_failed_start_is_reported_from_either_thread() -> None:
    command = Command(tool="tool", argv=("/no/such/program",))

    with pytest.raises(ToolNotFound, match="No such file"):
        processes.run(command, Wait.for_seconds(60))
    with ThreadPoolExecutor(1) as other, pytest.raises(ToolNotFound, match="No such file"):
        other.submit(processes.run, command, Wait.for_seconds(60)).result()
