"""Unread standard error holds nothing up; unread standard output waits, and ends on a signal."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.support.cli import FORCED, daemon_pid, wait_until
from tests.support.ops_cli import request
from tests.support.scenario import Scenario, Step
from tests.support.unread import Held, Unread, full_pipe, started, stopped_terminal
from tests.support.workspace import Workspace, make_workspace

_PI = Path(__file__).parents[1] / "children" / "pi_told.py"
_DIRECT = (
    *("run", "--route", "direct", "--thinking", "off", "--output", "json"),
    *("--pi-command", shlex.join((sys.executable, str(_PI)))),
)
_DELEGATED = ("run", *FORCED, "--output", "json", "Fix the header")
_HANGS = Scenario({"builder": (Step(hang=True),)})

Start = Callable[..., AbstractContextManager[Held]]
Prepare = Callable[..., tuple[Workspace, Start]]


@pytest.fixture(params=[full_pipe, stopped_terminal], ids=["pipe", "terminal"])
def unread(request: pytest.FixtureRequest) -> Iterator[Unread]:
    opened: AbstractContextManager[Unread] = request.param()
    with opened as ends:
        yield ends


@pytest.fixture
def full() -> Iterator[Unread]:
    with full_pipe() as pipe:
        yield pipe


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a command where no workspace and no Millrace is."""
    environment = {
        "MILLRACER_STATE_DIR": str(tmp_path / "state"),
        "MILLRACER_MILLRACE_COMMAND": "no-such-millrace",
    }
    return partial(started, cwd=tmp_path, environment=environment)


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Prepare:
    """Prepare a real workspace whose stages play a scenario, and what starts commands there."""

    def build(scenario: Scenario | None = None) -> tuple[Workspace, Start]:
        environment = {
            "MILLRACER_STATE_DIR": str(tmp_path / "state"),
            "MILLRACER_MILLRACE_COMMAND": millrace_command,
        }
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        return workspace, partial(started, cwd=workspace.root, environment=environment)

    return build


def test_a_run_does_its_work_without_a_reader_of_standard_error(
    prepare: Prepare, unread: Unread, tmp_path: Path
) -> None:
    _, start, out = *prepare(), tmp_path / "result.json"
    with (
        out.open("wb") as stdout,
        start(*_DELEGATED, stdout=stdout.fileno(), stderr=unread.writer) as held,
    ):
        exit_code = held.ended()

    result = json.loads(out.read_bytes())
    assert (exit_code, result["outcome"], result["scoped_completion"]) == (0, "completed", True)


def test_a_runs_own_limit_ends_it_without_a_reader_of_standard_error(
    prepare: Prepare, full: Unread
) -> None:
    workspace, start = prepare(_HANGS)
    with start(*_DELEGATED, "--daemon-timeout-seconds", "3", stderr=full.writer) as held:
        assert held.ended() == 7
    assert daemon_pid(workspace) is None


def test_a_signal_ends_a_run_without_a_reader_of_standard_error(
    prepare: Prepare, unread: Unread
) -> None:
    workspace, start = prepare(_HANGS)
    with start(*_DELEGATED, stderr=unread.writer) as held:
        wait_until(lambda: bool(workspace.stages()), "the stage began")
        assert held.end(signal.SIGTERM) == 143
    assert daemon_pid(workspace) is None


def test_an_item_is_submitted_and_watched_without_a_reader_of_standard_error(
    prepare: Prepare, full: Unread
) -> None:
    workspace, start = prepare()
    for arguments in (
        ("submit", "--request-id", "r-1", "--intake", "task", "Fix the header"),
        ("watch", "r-1", "--finalizer", "summary"),
    ):
        with start(*arguments, stderr=full.writer) as held:
            assert held.ended() == 0
    assert workspace.stages() == ["builder", "checker", "updater"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "exit_code"),
    [
        pytest.param(("run", "--nope"), b"", 2, id="wrong use"),
        pytest.param(("submit", "A task"), b"", 8, id="submit"),
        pytest.param(("watch", "t1"), b"", 8, id="watch"),
        pytest.param(("status", "--workspace", "/nowhere/at/all"), b"", 2, id="status"),
        pytest.param(("cancel", "t1"), b"", 8, id="cancel"),
        pytest.param(("doctor", "--pi-command", "/nowhere/pi"), b"", 1, id="doctor"),
        pytest.param(("sessions", "show", "nobody"), b"", 1, id="sessions"),
        pytest.param(("ops", "--json"), request("run_task"), 1, id="ops"),
        pytest.param(("ops", "--jsonl"), request("list_sessions"), 0, id="ops lines"),
        pytest.param(("setup",), b"", 2, id="setup"),
        pytest.param(("demo", "--pi-command", "/nowhere/pi"), b"", 8, id="demo"),
        pytest.param(("operator",), b"/help\n", 0, id="operator"),
    ],
)
def test_every_command_ends_by_itself_without_a_reader_of_standard_error(
    full: Unread, start: Start, arguments: tuple[str, ...], stdin: bytes, exit_code: int
) -> None:
    with start(*arguments, stdin=stdin, stderr=full.writer) as held:
        assert held.ended() == exit_code


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        pytest.param((*_DIRECT, "--quiet", "answer"), b"", id="run"),
        pytest.param(("run", "--output", "json", "--nope"), b"", id="wrong use"),
        pytest.param(("run", "--help"), b"", id="help"),
        pytest.param(("submit", "--json", "A task"), b"", id="submit"),
        pytest.param(("status", "--json"), b"", id="status"),
        pytest.param(("status", "--watch"), b"", id="status watched"),
        pytest.param(("ops", "--json"), request("list_sessions"), id="ops"),
        pytest.param(("ops", "--jsonl"), request("list_sessions"), id="ops lines"),
        pytest.param(("doctor", "--pi-command", "/nowhere/pi"), b"", id="doctor"),
        pytest.param(("sessions", "list"), b"", id="sessions"),
        pytest.param(("config", "show"), b"", id="config"),
        pytest.param(("schema", "run-result"), b"", id="schema"),
        pytest.param(("demo", "--json", "--pi-command", "/nowhere/pi"), b"", id="demo"),
        pytest.param(("operator",), b"/help\n", id="operator"),
    ],
)
def test_a_signal_ends_the_wait_for_a_reader_of_standard_output(
    full: Unread, start: Start, arguments: tuple[str, ...], stdin: bytes
) -> None:
    with start(*arguments, stdin=stdin, stdout=full.writer) as held:
        wait_until(lambda: held.writes_to(1), "it writes to standard output")
        assert held.end(signal.SIGTERM) == 143


def test_a_signal_ends_a_print_on_a_stopped_terminal(start: Start) -> None:
    with (
        stopped_terminal() as terminal,
        start(*_DIRECT, "answer", stdout=terminal.writer, stderr=terminal.writer) as held,
    ):
        wait_until(lambda: held.writes_to(1), "it writes to standard output")
        assert held.end(signal.SIGTERM) == 143


def test_a_late_reader_gets_the_document_of_a_run_that_left_nothing_running(
    full: Unread, start: Start
) -> None:
    with start(*_DIRECT, "answer", stdout=full.writer) as held:
        wait_until(lambda: held.writes_to(1), "it writes to standard output")
        assert held.children == []
        got = bytearray()
        while held.process.poll() is None:
            got += full.read()
        got += full.read()

    assert held.ended() == 0
    assert json.loads(got.lstrip(b"."))["outcome"] == "completed"


def test_a_lost_result_is_reported(full: Unread, start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as stderr,
        start(*_DIRECT, "--quiet", "answer", stdout=full.writer, stderr=stderr.fileno()) as held,
    ):
        wait_until(lambda: held.writes_to(1), "it writes to standard output")
        assert held.end(signal.SIGINT) == 130

    (error, action) = log.read_text(encoding="utf-8").splitlines()
    assert error.startswith("error: ")
    assert action.startswith("  next: ")
