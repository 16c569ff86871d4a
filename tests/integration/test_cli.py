"""The command line where no tool is needed: wrong use, bad requests, signals, what goes where."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from millracer.errors import ExitCode
from tests.support.forked_command import start_command

_COMMAND = (sys.executable, "-m", "millracer")


def run(
    *arguments: str, stdin: str = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    started = start_command(arguments, cwd=cwd, env={**os.environ, **environment}, forks=True)
    with started as process:
        stdout, stderr = process.communicate(stdin.encode(), timeout=60)
    return subprocess.CompletedProcess(
        process.args, process.returncode, stdout.decode(), stderr.decode()
    )


def run_reporting(
    expression: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that prints an expression's value on standard error at its end."""
    code = (
        "import atexit, gc, sys\n"
        f"atexit.register(lambda: print({expression}, file=sys.stderr))\n"
        "from millracer.cli.main import main\n"
        "main()"
    )
    return subprocess.run(
        (sys.executable, "-c", code, *arguments),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def document(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        pytest.param(["--nope"], "", "usage", "--nope", id="unknown option"),
        pytest.param(
            ["--route", "sideways", "t"], "", "usage",
            "'sideways'",
            id="unknown choice",
        ),
        pytest.param(
            ["--daemon-timeout-seconds", "inf", "t"], "", "usage", "finite", id="no limit"
        ),
        pytest.param(["--max-daemon-restarts", "-1", "t"], "", "usage", "restarts", id="negative"),
        pytest.param([], "", "usage", "task", id="no task"),
        pytest.param([], " \n", "usage", "task", id="blank task"),
        pytest.param(["--resume", "x", "task"], "", "usage", "--resume", id="resume and task"),
        pytest.param(["--resume", ""], "", "usage", "--resume", id="empty resume"),
        pytest.param(["--request-id", "", "t"], "", "invalid_request", "request", id="empty id"),
        pytest.param(
            ["--workspace", "no-such-folder", "t"], "", "invalid_request", "no-such-folder",
            id="no workspace",
        ),
        pytest.param(["--request-json"], "{", "invalid_request", "JSON", id="no JSON"),
        pytest.param(["--benchmark-json", "t"], "{}", "usage", "standard input", id="older name"),
        pytest.param(["--request-json", "t"], "{}", "usage", "standard input", id="two tasks"),
        pytest.param(["--skill", "no-such", "t"], "", "usage", "no-such", id="no skill"),
        pytest.param(["--pi-command", "", "t"], "", "usage", "--pi-command", id="empty command"),
    ],
)  # fmt: skip
def test_wrong_use_is_json_for_a_json_caller(
    tmp_path: Path, arguments: list[str], stdin: str, code: str, said: str
) -> None:
    ran = run("run", "--output", "json", *arguments, stdin=stdin, cwd=tmp_path)

    result = document(ran)
    assert ran.returncode == ExitCode.USAGE
    assert result["outcome"] == "failed"
    assert result["errors"][0]["code"] == code
    assert said in result["errors"][0]["message"]
    assert result["scoped_completion"] is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["run", "--nope", "--output=json"], {}),
        (["run", "--nope"], {"MILLRACER_OUTPUT": "json"}),
        (["run", "--output", "json"], {"MILLRACER_ROUTE": "sideways"}),
        (["demo", "--json", "--nope"], {}),
    ],
)
def test_json_is_requested_in_every_way(arguments: list[str], environment: dict[str, str]) -> None:
    assert document(run(*arguments, **environment))["errors"][0]["code"] == "usage"


def test_a_text_caller_gets_a_message_and_no_document() -> None:
    ran = run("run", "--nope")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--nope" in ran.stderr
    assert "millracer run --help" in ran.stderr


def test_an_error_names_the_variable_of_the_option() -> None:
    ran = run("demo", "--intake", "nope")

    assert ran.returncode == 2
    assert "'MILLRACER_INTAKE'" in ran.stderr
    assert "[" not in ran.stderr


def test_a_command_that_is_misspelt_is_named_as_a_user_types_it() -> None:
    ran = run("modes")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "'models'" in ran.stderr
    assert "OperationName" not in ran.stderr


def test_an_output_word_inside_the_task_asks_for_nothing() -> None:
    ran = run("run", "--nope", "--", "--output", "json")

    assert ran.stdout == ""


def test_exit_zero_hides_a_failed_tool_and_not_wrong_use(tmp_path: Path) -> None:
    command = ("run", "--output", "json", "--exit-zero", "--pi-command", "/nowhere/pi")

    failed = run(*command, "task", cwd=tmp_path)
    wrong = run(*command, cwd=tmp_path)

    assert (failed.returncode, document(failed)["outcome"]) == (0, "failed")
    assert (wrong.returncode, document(wrong)["outcome"]) == (2, "failed")


def test_the_task_may_come_by_standard_input_and_the_environment_sets_options(
    tmp_path: Path,
) -> None:
    ran = run(
        "run", "--route", "direct", stdin="task\n", cwd=tmp_path,
        MILLRACER_OUTPUT="json", MILLRACER_PI_COMMAND="/nowhere/pi",
    )  # fmt: skip

    assert document(ran)["errors"][0]["code"] == "pi_not_found"


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_while_the_task_is_read_gives_a_result(
    number: signal.Signals, exit_code: int
) -> None:
    process = subprocess.Popen(
        (*_COMMAND, "run", "--output", "json", "--request-json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write('{"task": ')
    process.stdin.flush()
    reading = f"/proc/{process.pid}/fdinfo"
    try:
        while not _blocks_on_stdin(process.pid):
            assert process.poll() is None, reading
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == exit_code, stderr
    assert json.loads(stdout)["outcome"] == "cancelled"


def _blocks_on_stdin(pid: int) -> bool:
    """Whether the process caught SIGTERM already, which it does right before it reads."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = int(status.split("SigCgt:", 1)[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_closed_reader_is_not_a_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            (*_COMMAND, "run", "--output", "json", "--pi-command", "/nowhere/pi", "task"),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)

    assert ran.returncode == ExitCode.FAILED
    assert b"Traceback" not in ran.stderr


def test_help_names_the_exit_codes_and_a_variable_for_every_option() -> None:
    helped = run("run", "--help").stdout
    lines = re.findall(r"^  (?:-\w, )?(--[\w-]+)(?:, (--[\w-]+))?", helped, re.MULTILINE)
    options = [name for line in lines for name in line if name]
    variables = {f"MILLRACER_{name[2:].upper().replace('-', '_')}" for name in options}

    assert "Exit codes:" in helped
    assert len(options) > 20
    assert variables - {"MILLRACER_HELP", "MILLRACER_JSON"} == set(
        re.findall(r"MILLRACER_\w+", helped)
    )


def test_a_command_works_with_the_garbage_collector_on(tmp_path: Path) -> None:
    ran = run_reporting("gc.isenabled()", "workspaces", "list", MILLRACER_STATE_DIR=str(tmp_path))

    assert (ran.returncode, ran.stderr) == (0, "True\n")


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.startswith("millracer 0.")


@pytest.mark.parametrize("command", ["run", "submit"])
def test_advice_on_a_missing_task_names_no_other_command(tmp_path: Path, command: str) -> None:
    ran = run(command, "--output", "json", cwd=tmp_path)

    (error,) = document(ran)["errors"]
    assert "task" in error["message"]
    assert "millracer" not in error["suggested_action"]


def test_the_log_names_run_and_item_and_leaves_the_document_alone() -> None:
    arguments = ("run", "-v", "-o", "json", "--route", "direct", "--pi-command", "no-pi", "A task")

    ran = run(*arguments, MILLRACER_LOG="warning")

    result = document(ran)
    logged = re.findall(r"^info run\.steps \[(\S+) (\S+)\]", ran.stderr, re.MULTILINE)
    ((run_id, item_id),) = set(logged)
    assert run_id == result["request_id"]
    assert item_id.startswith("a-task-")
    assert "debug " not in ran.stderr


def test_a_log_level_that_does_not_exist_is_wrong_use() -> None:
    ran = run("run", "--output", "json", "A task", MILLRACER_LOG="loud")

    assert ran.returncode == ExitCode.USAGE
    assert document(ran)["errors"][0]["code"] == "usage"
    assert "MILLRACER_LOG" in ran.stderr


@pytest.mark.parametrize("command", [(), ("sessions",), ("workspaces",), ("config",)])
def test_a_list_of_commands_shows_each_help_line_whole_on_80_columns(
    command: tuple[str, ...],
) -> None:
    ran = run(*command, "--help", COLUMNS="80")

    assert "Commands:" in ran.stdout
    assert "..." not in ran.stdout.partition("Commands:")[2]
