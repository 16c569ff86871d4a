"""What a parent process passes on: blocked and ignored signals, open files, a standard input."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.cli import wait_until
from tests.support.fake_install import FakeInstall
from tests.support.fake_millrace import FakeMillrace
from tests.support.library_calls import PI
from tests.support.ops_cli import OpsCaller, request
from tests.support.parents import parent

_RECORDED = Path(__file__).parents[2] / "fixtures" / "millrace" / "0.21.1"
_EVERY = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
_READS_STDIN = [
    ("run", "--output", "json"),
    ("run", "--output", "json", "--request-json"),
    ("submit", "--json"),
    ("submit", "--json", "--request-json"),
    ("ops", "--json"),
    ("ops", "--jsonl"),
]


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OpsCaller(cwd=cwd, state=tmp_path / "state")


@pytest.fixture
def warm(tmp_path: Path, caller: OpsCaller) -> OpsCaller:
    """A caller whose Millrace can be forked, with a workspace of it."""
    install = FakeInstall.at(tmp_path / "venv")
    (caller.cwd / "workspace" / "millrace-agents").mkdir(parents=True)
    caller.options = ("--millrace-command", str(install.program))
    return caller


@pytest.fixture
def fake(tmp_path: Path, caller: OpsCaller) -> FakeMillrace:
    """The caller's Millrace, a plain program, with a workspace of it."""
    root = caller.cwd / "workspace"
    (root / "millrace-agents").mkdir(parents=True)
    fake = FakeMillrace.beside(root)
    fake.answers("--version", stdout="millrace 0.21.1\n")
    caller.environment = {"FAKE_MILLRACE": str(fake.script)}
    caller.options = ("--millrace-command", shlex.join(fake.calls.argv))
    return fake


def asks_status() -> bytes:
    return request("status", workspace_ref={"root_path": "workspace"})


def ignored_by(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.split("SigIgn:", 1)[1].split()[0], 16)


# signals


def test_signals_that_the_parent_blocks_do_not_keep_commands_from_ending(warm: OpsCaller) -> None:
    warm.parent = parent(blocked=_EVERY)

    printed = warm.send(asks_status())

    assert printed.document["status"] == "succeeded", printed.stdout + printed.stderr
    assert not printed.document["result"]["imported_here"]


def test_a_signal_that_the_parent_blocks_ends_the_command(caller: OpsCaller) -> None:
    caller.parent = parent(blocked=_EVERY)
    with caller.start("ops", "--json") as running:
        running.says(b" " * 1_000_000)
        running.send(signal.SIGTERM)
        running.process.wait(timeout=60)
        printed = running.finish()

    assert (printed.exit_code, printed.error_codes) == (143, ["cancelled"])


def test_a_signal_that_came_while_it_was_blocked_ends_the_command_with_its_document(
    caller: OpsCaller,
) -> None:
    caller.parent = parent(blocked=_EVERY, pending=[signal.SIGTERM])

    printed = caller.send(request("list_sessions"))

    assert (printed.exit_code, printed.error_codes) == (143, ["cancelled"])


def test_what_a_tool_ends_with_is_known_below_a_parent_that_ignores_sigchld(
    caller: OpsCaller, fake: FakeMillrace
) -> None:
    recorded = json.loads((_RECORDED / "status-fresh.json").read_text(encoding="utf-8"))
    fake.answers("status --format json", stdout=recorded["stdout"], exit_code=3)
    caller.parent = parent(ignored=[signal.SIGCHLD])

    printed = caller.send(asks_status())

    assert printed.error_codes == ["millrace_failed"]


def test_a_signal_that_the_parent_ignores_ends_nothing(
    caller: OpsCaller, fake: FakeMillrace
) -> None:
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    fake.answers("status --format json", seconds=2, stdout="{}", exit_code=3)
    caller.parent = parent(ignored=ignored)
    with caller.start("ops", "--json", *caller.options) as running:
        running.says(asks_status(), closes=True)
        wait_until(lambda: "status --format json" in fake.asked, "Millrace is asked")
        (child,) = psutil.Process(running.process.pid).children()
        childs = ignored_by(child)
        for number in ignored:
            running.send(number)
        printed = running.finish()

    assert printed.error_codes == ["millrace_failed"]
    assert all(childs >> (number - 1) & 1 for number in ignored)


@pytest.mark.parametrize(
    "number",
    [
        *(signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM),
        *(signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGRTMIN + 3),
    ],
)
def test_a_signal_that_would_end_the_process_ends_the_command_and_its_tools(
    caller: OpsCaller, fake: FakeMillrace, number: int
) -> None:
    fake.answers("status --format json", seconds=120)
    with caller.start("ops", "--json", *caller.options) as running:
        running.says(asks_status(), closes=True)
        wait_until(lambda: "status --format json" in fake.asked, "Millrace is asked")
        (child,) = psutil.Process(running.process.pid).children()
        running.process.send_signal(number)
        printed = running.finish()

    assert (printed.exit_code, printed.error_codes) == (143, ["cancelled"])
    assert not child.is_running()


# open files


def test_a_caller_with_many_open_files_is_served_by_a_warm_millrace(warm: OpsCaller) -> None:
    warm.parent = parent(files=1100)

    printed = warm.send(asks_status())

    assert printed.document["status"] == "succeeded", printed.stdout + printed.stderr
    assert not printed.document["result"]["imported_here"]


def test_a_run_of_a_caller_with_many_open_files_completes(caller: OpsCaller) -> None:
    caller.parent = parent(files=1100)

    printed = caller.run(
        *("run", "--output", "json", "--route", "direct", "--no-default-skills"),
        *("--pi-command", PI, "--millrace-command", "/nowhere/millrace"),
        stdin=b"give an answer",
    )

    assert printed.document["outcome"] == "completed", printed.stdout + printed.stderr


def test_a_submission_of_a_caller_with_many_open_files_is_read(caller: OpsCaller) -> None:
    caller.parent = parent(files=1100)

    printed = caller.run(
        "submit", "--json", "--millrace-command", "/nowhere/millrace", stdin=b"A task"
    )

    assert printed.error_codes == ["millrace_not_found"]


# standard input


@pytest.mark.parametrize("command", _READS_STDIN, ids=" ".join)
def test_an_unreadable_standard_input_is_reported_in_the_commands_document(
    caller: OpsCaller, command: tuple[str, ...]
) -> None:
    caller.parent = ("sh", "-c", 'exec "$@" 0>/dev/null', "sh")

    printed = caller.run(*command)

    assert (printed.exit_code, printed.error_codes) == (2, ["usage"])
    assert printed.document["errors"][0]["suggested_action"]


def test_an_operator_without_a_readable_standard_input_says_so(caller: OpsCaller) -> None:
    caller.parent = ("sh", "-c", 'exec "$@" 0>/dev/null', "sh")

    printed = caller.run("operator")

    assert (printed.exit_code, printed.stdout) == (2, "")
    assert "error: standard input cannot be read" in printed.stderr


@pytest.mark.parametrize("command", [("ops", "--json"), ("ops", "--jsonl")], ids=" ".join)
def test_a_background_job_cannot_read_the_terminal_and_says_so(
    caller: OpsCaller, command: tuple[str, ...]
) -> None:
    master, slave = pty.openpty()
    try:
        os.write(master, b"{}\n")
        ran = subprocess.run(
            (
                *("setsid", "--ctty", "--wait"),
                *parent(ignored=[signal.SIGTTIN], background=True),
                *(sys.executable, "-m", "millracer", *command),
            ),
            stdin=slave,
            capture_output=True,
            env={**os.environ, "MILLRACER_STATE_DIR": str(caller.state)},
            cwd=caller.cwd,
            timeout=60,
            check=False,
        )
    finally:
        for end in (master, slave):
            with suppress(OSError):
                os.close(end)

    assert ran.returncode == 2, ran.stderr
    assert [error["code"] for error in json.loads(ran.stdout)["errors"]] == ["usage"]
