"""`millracer operator` on a pipe: one task a line, answers on stdout, an exit code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.operator_cli import OperatorCaller, finish, gone


def test_each_line_is_a_task_in_one_conversation(caller: OperatorCaller) -> None:
    ended = caller.pipe("first\nsecond\nthird\n")

    assert ended.exit_code == 0, ended.stderr
    answers = [line.split(" of ") for line in ended.stdout.splitlines()]
    assert [said for said, _ in answers] == ["answer 1", "answer 2", "answer 3"]
    assert len({pid for _, pid in answers}) == 1
    assert "/exit" in ended.stderr.splitlines()[0]
    assert ended.stderr.count("completed · ") == 3
    assert "millracer>" not in ended.stdout + ended.stderr


def test_answers_alone_go_to_standard_output(caller: OperatorCaller) -> None:
    ended = caller.pipe("/nonsense\n/history\nrefuse\n/workspace /nowhere\n")

    assert ended.stdout == ""
    assert "error: '/nowhere'" in ended.stderr


def test_the_requested_output_goes_to_standard_output(caller: OperatorCaller) -> None:
    ended = caller.pipe("/help\n/workspace\n")

    assert "/watch [ID]" in ended.stdout
    assert ended.stdout.splitlines()[-1] == f"* -  {caller.cwd}"


@pytest.mark.parametrize("lines", ["", "\n", "\n \r\n\t\n"])
def test_without_a_task_it_leaves_with_0(caller: OperatorCaller, lines: str) -> None:
    ended = caller.pipe(lines)

    assert (ended.exit_code, ended.stdout) == (0, "")
    ready, selected = ended.stderr.splitlines()
    assert "/exit" in ready
    assert str(caller.cwd) in selected


def test_a_closed_standard_input_is_an_empty_one(caller: OperatorCaller) -> None:
    ended = subprocess.run(
        ("sh", "-c", 'exec "$@" <&-', "sh", *caller._command),  # noqa: S607 - the system's shell
        cwd=caller.cwd,
        env=caller._variables(),
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, b"")


@pytest.mark.parametrize(
    ("lines", "exit_code"),
    [
        pytest.param("answer\nrefuse\nanswer\n", 8, id="the first that did not complete"),
        pytest.param("die\nanswer\n", 8, id="pi dies"),
        pytest.param("/route sideways\n/nonsense\nanswer\n", 0, id="commands do not count"),
        pytest.param("/route millrace\n/intake task\nx\n", 8, id="no Millrace"),
        pytest.param("answer\n/exit\nrefuse\n", 0, id="what follows /exit is not done"),
    ],
)
def test_the_exit_code_is_that_of_the_first_task_that_did_not_complete(
    caller: OperatorCaller, lines: str, exit_code: int
) -> None:
    assert caller.pipe(lines).exit_code == exit_code


def test_the_first_failure_decides_not_the_worst(caller: OperatorCaller, tmp_path: Path) -> None:
    millrace = tmp_path / "millrace"
    millrace.write_text("#!/bin/sh\necho millrace 0.21.1\n")
    millrace.chmod(0o755)
    ended = caller.pipe(
        "/route millrace\n/watch nowhere\n/route direct\nrefuse\n",
        *("--millrace-command", str(millrace)),
    )

    assert ended.exit_code == 2, ended.stderr


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        (("--pi-command", "/nowhere/pi"), 8, "`millracer setup`"),
        (("--pi-command", "'unclosed"), 2, "--pi-command"),
        (("--skill", "/nowhere/skill"), 2, "/nowhere/skill"),
        (("--cwd", "/nowhere"), 2, "/nowhere"),
        (("--workspace", "/nowhere"), 8, "/nowhere"),
    ],
)
def test_a_task_that_cannot_begin_did_not_complete_and_the_next_is_tried(
    caller: OperatorCaller, options: tuple[str, ...], exit_code: int, said: str
) -> None:
    ended = caller.pipe("one\ntwo\n/history\n", *options)

    assert ended.exit_code == exit_code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        ["1", "failed"],
        ["2", "failed"],
    ]


def test_a_workspace_that_is_not_a_path_is_wrong_use(caller: OperatorCaller) -> None:
    ended = caller.pipe("task\n", "--workspace", "~nobody-has-this-name/x")

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) <= 2


def test_windows_lines_are_lines(caller: OperatorCaller) -> None:
    ended = caller.pipe(b"/route\r\nrepeat\r\n")

    assert ended.exit_code == 0, ended.stderr
    assert "route direct" in ended.stderr
    assert "repeat" in ended.stdout
    assert "\\r" not in ended.stdout


def test_the_last_line_needs_no_end_and_bytes_that_are_not_text_are_replaced(
    caller: OperatorCaller,
) -> None:
    ended = caller.pipe(b"\xff\xfe odd\nlast")

    assert ended.exit_code == 0, ended.stderr
    assert [line[:8] for line in ended.stdout.splitlines()] == ["answer 1", "answer 2"]


def test_answers_cannot_steer_a_terminal(caller: OperatorCaller) -> None:
    ended = caller.pipe("hostile\nwindows\n")

    assert ended.stdout == "\ufffd[31mred\ufffd[0m \ufffdbell \ufffd2J end\none\ntwo\n\n"


def test_progress_is_plain_lines_without_escape_codes(caller: OperatorCaller) -> None:
    caller.environment = {"TERM": "xterm-256color", "FORCE_COLOR": "1", "COLUMNS": "200"}

    ended = caller.pipe("answer\n")

    assert "\x1b" not in ended.stdout + ended.stderr
    assert re.search(r"^\[ +\d+\.\ds\] direct: ", ended.stderr, re.MULTILINE)


def test_a_dead_pi_is_started_again_with_a_notice_each_time(caller: OperatorCaller) -> None:
    ended = caller.pipe("answer\ndie\nanswer\ndie\nanswer\nanswer\n")

    answers = [line.split(" of ") for line in ended.stdout.splitlines()]
    assert [said for said, _ in answers] == ["answer 1", "answer 1", "answer 1", "answer 2"]
    assert len({pid for _, pid in answers}) == 3
    assert ended.stderr.count("warning: pi_restarted: ") == 2
    assert ended.stderr.count("failed · ") == 2


def test_selections_are_found_by_the_next_session(caller: OperatorCaller, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    caller.pipe(f"/workspace {other}\n/mode lad_codex\n")

    again = caller.pipe("answer\n")
    elsewhere = caller.pipe("", "--session-id", "second")
    named = caller.pipe("", "--workspace", ".", "--millrace-mode", "lad_pi")

    assert all(word in again.stderr.splitlines()[1] for word in (str(other), "lad_codex"))
    assert str(caller.cwd) in elsewhere.stderr
    assert all(word in named.stderr for word in (str(caller.cwd), "lad_pi"))


def test_a_state_folder_that_cannot_be_made_is_a_warning(
    caller: OperatorCaller, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    caller.state = in_the_way / "state"

    ended = caller.pipe("/mode lad_pi\nanswer\n")

    assert ended.exit_code == 0
    assert "warning: session_store_unavailable" in ended.stderr
    assert "lad_pi" in ended.stderr
    assert ended.stdout.startswith("answer 1")


def test_a_reader_that_went_away_does_not_end_a_session(caller: OperatorCaller) -> None:
    with caller.started() as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None

        _, said = process.communicate(b"answer\nanswer\n", timeout=60)

    assert process.returncode == 0
    assert said.count(b"completed") == 2
    assert b"Traceback" not in said


def test_a_pi_that_stays_is_ended_with_the_session(caller: OperatorCaller) -> None:
    ended = caller.pipe("stay\n")

    pid = int(ended.stdout.rpartition(" ")[2])
    assert ended.exit_code == 0
    assert gone(pid)


# signals


def _say(process: subprocess.Popen[bytes], lines: bytes, *, until: bytes) -> None:
    """Send lines, and wait until standard error says something."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(lines)
    process.stdin.flush()
    seen = b""
    while until not in seen:
        chunk = os.read(process.stderr.fileno(), 4096)
        assert chunk, seen
        seen += chunk


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)]
)
def test_a_signal_between_tasks_ends_it(
    caller: OperatorCaller, number: signal.Signals, exit_code: int
) -> None:
    with caller.started() as process:
        _say(process, b"answer\n", until=b"completed")

        process.send_signal(number)

        assert process.wait(timeout=60) == exit_code
        assert "Traceback" not in finish(process).stderr


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_a_task_ends_the_task_and_the_session(
    caller: OperatorCaller, number: signal.Signals, exit_code: int
) -> None:
    with caller.started() as process:
        _say(process, b"hang\nanswer\n", until=b"direct: ")

        process.send_signal(number)

        assert process.wait(timeout=60) == exit_code
        ended = finish(process)
    assert ended.stdout == ""
    assert "cancelled · " in ended.stderr
    assert "Traceback" not in ended.stderr
