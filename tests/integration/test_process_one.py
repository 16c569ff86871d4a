"""A command that is process 1 of a container without an init: orphans are reaped, results hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.cli import wait_until
from tests.support.namespaces import as_process_one
from tests.support.operator_cli import CTRL_C, ENTER, OperatorCaller

_CHILDREN = Path(__file__).parents[1] / "children"
_LIMIT_SECONDS = 60


@contextmanager
def started(tmp_path: Path, *arguments: str, pi: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command as process 1; it ends with the block."""
    with subprocess.Popen(
        (
            *as_process_one(),
            *(sys.executable, "-m", "millracer", *arguments),
            *("--workspace", str(tmp_path), "--pi-command", f"{sys.executable} {_CHILDREN / pi}"),
            *("--millrace-command", "no-such-millrace"),
        ),
        env={**os.environ, "ORPHANS": str(tmp_path / "orphans")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def process_one(running: subprocess.Popen[str]) -> psutil.Process:
    """Return the process that is the first of its namespace."""
    wait_until(lambda: bool(psutil.Process(running.pid).children()), "it began")
    return psutil.Process(running.pid).children()[0]


def has_zombies(first: psutil.Process) -> bool:
    return any(each.status() == psutil.STATUS_ZOMBIE for each in first.children())


def test_orphans_of_every_turn_are_reaped_while_the_command_lives(tmp_path: Path) -> None:
    orphans = tmp_path / "orphans"
    with started(tmp_path, "operator", "--route", "direct", pi="pi_orphaning.py") as running:
        first = process_one(running)
        assert running.stdin is not None
        running.stdin.write("one\ntwo\n")
        running.stdin.flush()
        wait_until(
            lambda: orphans.exists() and len(orphans.read_text().split()) == 4, "orphans were left"
        )
        wait_until(lambda: len(first.children()) == 1, "nothing but the command is left")

        assert running.poll() is None
        assert not has_zombies(first)
        stdout, stderr = running.communicate("", timeout=_LIMIT_SECONDS)

    assert running.returncode == 0, stderr
    assert stdout == "done\ndone\n"


@pytest.mark.parametrize(
    ("task", "exit_code", "outcome"), [("answer", 0, "completed"), ("refuse", 8, "failed")]
)
def test_the_exit_code_and_the_document_are_those_of_the_command(
    tmp_path: Path, task: str, exit_code: int, outcome: str
) -> None:
    words = ("run", "--output", "json", "--route", "direct", task)
    with started(tmp_path, *words, pi="pi_told.py") as running:
        stdout, stderr = running.communicate(timeout=_LIMIT_SECONDS)

    assert running.returncode == exit_code, stderr
    assert json.loads(stdout)["outcome"] == outcome


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_to_process_1_cancels_the_command(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    words = ("run", "--output", "json", "--route", "direct", "hang")
    with started(tmp_path, *words, pi="pi_told.py") as running:
        first = process_one(running)
        wait_until(lambda: _works(first), "pi works")
        first.send_signal(number)
        stdout, stderr = running.communicate(timeout=_LIMIT_SECONDS)

    assert running.returncode == exit_code, stderr
    assert json.loads(stdout)["outcome"] == "cancelled"


def test_a_command_that_is_killed_ends_process_1(tmp_path: Path) -> None:
    with started(tmp_path, "operator", pi="pi_told.py") as running:
        first = process_one(running)
        wait_until(lambda: bool(first.children()), "the command began")
        first.children()[0].kill()
        running.communicate(timeout=_LIMIT_SECONDS)

    assert running.returncode == 128 + signal.SIGKILL


def test_ctrl_c_on_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    caller = OperatorCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--route", "direct", "--pi-command", f"{sys.executable} {_CHILDREN}/pi_told.py"),
        before=as_process_one(),
    )
    with caller.terminal() as terminal:
        terminal.prompts()
        terminal.type("hang" + ENTER)
        terminal.says("begun")
        terminal.type(CTRL_C)
        terminal.says("cancelled")
        terminal.prompts()

        assert "answer 2" in terminal.enter("go on", "completed")
        assert terminal.leave() == 0


def _works(first: psutil.Process) -> bool:
    return any("pi_told.py" in " ".join(each.cmdline()) for each in first.children(recursive=True))
