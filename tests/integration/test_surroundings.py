"""Odd surroundings where no tool is needed: streams, directories, homes, locales."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.cli import wait_until
from tests.support.ops_cli import request

_MILLRACER = (sys.executable, "-m", "millracer")
_HOMELESS = (sys.executable, "-m", "tests.children.homeless")
LIST = request("list_sessions").decode()
#: Python would take UTF-8 by itself here, were it not forbidden.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


def run(
    *command: str, stdin: str = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=stdin,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def in_shell(
    script: str, *command: str, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a shell script whose `"$@"` is the command."""
    return run("bash", "-c", script, "bash", *command, stdin=stdin, cwd=cwd)


def the_error(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one error of the one document."""
    (error,) = json.loads(ran.stdout)["errors"]
    assert error["suggested_action"]
    assert "Traceback" not in ran.stderr
    return error


def nowhere(tmp_path: Path, task: Sequence[str] = ("a task",)) -> tuple[str, ...]:
    """Return a command that fails early and needs no tool."""
    where = str(tmp_path / "nowhere")
    return (*_MILLRACER, "run", "--output", "json", "--workspace", where, *task)


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        ((*_MILLRACER, "schema", "run-result"), ""),
        ((*_MILLRACER, "ops", "--json"), LIST),
        ((*_MILLRACER, "ops", "--jsonl"), f"{LIST}\n{LIST}\n"),
        ((*_MILLRACER, "sessions", "list"), ""),
        ((*_MILLRACER, "operator"), "/help\n/help\n"),
        ((*_MILLRACER, "--help"), ""),
        ((*_MILLRACER, "--version"), ""),
    ],
    ids=["schema", "ops", "jsonl", "sessions", "operator", "help", "version"],
)
def test_a_result_that_finds_no_room_is_reported_and_not_a_success(
    command: tuple[str, ...], stdin: str
) -> None:
    ran = in_shell('exec "$@" >/dev/full', *command, stdin=stdin)

    assert ran.returncode == 8
    assert "Traceback" not in ran.stderr
    error, suggestion = ran.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert "No space left on device" in error
    assert suggestion.startswith("  next: ")


@pytest.mark.parametrize("words", [("schema", "run-result"), ("--help",)])
def test_a_closed_reader_is_not_a_failure(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            (*_MILLRACER, *words),
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)

    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_reader_that_takes_its_time_gets_all_of_a_pipe_that_does_not_block() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    room = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    command = (*_MILLRACER, "schema", "run-result")
    with (
        os.fdopen(reader, "rb") as stream,
        subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as running,
    ):
        os.close(writer)
        wait_until(lambda: _waiting_in(stream) == room, "the pipe is full")
        schema = stream.read()
        _, errors = running.communicate(timeout=60)

    assert (running.returncode, errors) == (0, b"")
    assert json.loads(schema)["title"]


def _waiting_in(pipe: IO[bytes]) -> int:
    """Return how many bytes can be read of a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "2>/dev/full"])
def test_a_stream_that_is_closed_keeps_nothing_from_the_result(tmp_path: Path, closed: str) -> None:
    ran = in_shell(f'exec "$@" {closed}', *nowhere(tmp_path))

    assert ran.returncode == 2
    assert the_error(ran)["code"] == "invalid_request"


@pytest.mark.parametrize("closed", [">&-", "0<&- >&- 2>&-"])
def test_a_caller_that_closes_standard_output_wants_no_result(tmp_path: Path, closed: str) -> None:
    ran = in_shell(f'exec "$@" {closed}', *nowhere(tmp_path))

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_a_task_in_the_command_line_waits_for_no_standard_input(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        ran = subprocess.run(
            nowhere(tmp_path), stdin=reader, capture_output=True, timeout=60, check=False
        )
    finally:
        os.close(reader)
        os.close(writer)

    assert ran.returncode == 2
    assert json.loads(ran.stdout)["outcome"] == "failed"


def test_a_command_in_a_directory_that_is_gone_says_so(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    ran = in_shell('rmdir "$PWD"; exec "$@"', *_MILLRACER, "run", "--output=json", "t", cwd=gone)

    assert ran.returncode == 2
    assert "'.'" in the_error(ran)["message"]


@pytest.mark.parametrize("shape", ["file", "dangling", "loop"])
def test_a_workspace_that_is_not_a_directory_is_refused(tmp_path: Path, shape: str) -> None:
    place = tmp_path / "nowhere"
    match shape:
        case "file":
            place.touch()
        case "dangling":
            place.symlink_to(tmp_path / "nothing")
        case _:
            place.symlink_to(place)

    ran = run(*nowhere(tmp_path))

    assert ran.returncode == 2
    assert the_error(ran)["code"] == "invalid_request"


def test_without_a_home_the_store_is_unavailable_and_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name)

    ran = run(*_HOMELESS, "ops", "--json", stdin=LIST)

    error = the_error(ran)
    assert (ran.returncode, error["code"]) == (1, "session_store_unavailable")
    assert "HOME" in error["message"]
    assert "MILLRACER_STATE_DIR" in error["suggested_action"]


@pytest.mark.parametrize("environment", [{}, {"MILLRACER_STATE_DIR": "~/state"}])
def test_without_a_home_a_run_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name)
    command = nowhere(tmp_path)

    ran = run(*_HOMELESS, *command[len(_MILLRACER) :], **environment)

    assert ran.returncode == 2
    assert the_error(ran)["code"] == "invalid_request"
    (warning,) = json.loads(ran.stdout)["warnings"]
    assert warning.startswith("session_store_unavailable: ")


def test_arguments_are_utf8_where_python_is_configured_for_ascii(tmp_path: Path) -> None:
    ran = run(*_MILLRACER, "run", "--output=json", f"--workspace={tmp_path}/ü ☃", "t", **ASCII)

    assert ran.returncode == 2
    assert f"{tmp_path}/ü ☃" in the_error(ran)["message"]


@pytest.mark.parametrize("how", ["--json", "--jsonl"])
def test_requests_with_a_byte_order_mark_are_read(how: str) -> None:
    requests = [f"\ufeff{LIST}"] * (1 if how == "--json" else 2)
    ran = run(*_MILLRACER, "ops", how, stdin="\n".join(requests))

    assert ran.returncode == 0
    assert ran.stdout.count("succeeded") == len(requests)


def test_a_request_that_never_ends_can_be_interrupted() -> None:
    process = subprocess.Popen(
        (*_MILLRACER, "ops", "--json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # and without a terminal
    )
    try:
        assert process.stdin is not None
        process.stdin.write(b'{"schema_version": ')
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == 130
    assert json.loads(printed)["status"] == "cancelled"
    assert b"Traceback" not in said


@pytest.mark.parametrize("raising", ["command", "work"])
def test_a_signal_whose_exception_is_replaced_cancels_the_command(raising: str) -> None:
    words = (sys.executable, "-m", "tests.children.interrupted_compiling", raising)
    ran = run(*words, "config", "show", "--json")

    assert ran.returncode == 128 + signal.SIGTERM, ran.stderr
    assert [each["code"] for each in json.loads(ran.stdout)["errors"]] == ["cancelled"]
    assert "internal error" not in ran.stderr
