"""Checks run as processes: no shell, no keys, a time limit, and no process that remains."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Timer

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.checks.runner import ProcessCheckRunner, without_keys
from millracer.domain.checks import LONGEST_OUTPUT_BYTES, CheckRun

KEY = "sk-ant-0123456789abcdefABCDEF"


def run(folder: Path, *argv: str, seconds: float = 30) -> CheckRun:
    return ProcessCheckRunner().run(argv, str(folder), Wait.for_seconds(seconds))


def python(folder: Path, code: str, *, seconds: float = 30) -> CheckRun:
    return run(folder, sys.executable, "-c", code, seconds=seconds)


def test_the_exit_code_and_the_end_of_both_outputs_are_kept(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('wrong', file=sys.stderr); sys.exit(3)"

    ended = python(tmp_path, code)

    assert (ended.exit_code, ended.problem) == (3, "")
    assert set(ended.output.splitlines()) == {str(tmp_path), "wrong"}
    assert ended.seconds > 0


def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    ended = run(tmp_path, sys.executable, "-c", "import sys; print(sys.argv[1:])", "$HOME", "a; b")

    assert ended.output == "['$HOME', 'a; b']"


def test_only_the_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    ended = python(tmp_path, "print('ö' * 3_000_000); print('the end')")

    assert ended.exit_code == 0
    assert ended.output.endswith("the end")
    assert len(ended.output.encode()) <= LONGEST_OUTPUT_BYTES


def test_a_check_has_no_keys_and_its_output_hides_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("COPY_OF_IT", KEY)
    monkeypatch.setenv("MILLRACER_SIGNING_KEY", "/some/key.pem")
    monkeypatch.setenv("KEPT", "kept")
    (tmp_path / "leak").write_text(KEY, encoding="utf-8")
    names = ["ANTHROPIC_API_KEY", "COPY_OF_IT", "KEPT", "MILLRACER_SIGNING_KEY"]
    code = (
        f"import os; print([each for each in {names} if each in os.environ], open('leak').read())"
    )

    ended = python(tmp_path, code)

    assert ended.output.startswith("['KEPT']")
    assert KEY not in ended.output


def test_variables_that_only_describe_a_key_stay() -> None:
    given = {"SSH_AUTH_SOCK": "/run/s", "PATH": "/bin", "GITHUB_TOKEN": "t", "EMPTY_TOKEN": ""}

    assert without_keys(given) == {"SSH_AUTH_SOCK": "/run/s", "PATH": "/bin"}


@pytest.mark.parametrize("detached", [False, True])
def test_a_check_beyond_its_limit_is_ended_with_its_processes(
    tmp_path: Path, *, detached: bool
) -> None:
    started = (
        "import subprocess, sys, time; print('begun', flush=True);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        f" start_new_session={detached});"
        "open('pids', 'w').write(str(child.pid)); time.sleep(600)"
    )

    ended = python(tmp_path, started, seconds=3)

    assert ended.exit_code is None
    assert "was ended" in ended.problem
    assert ended.output == "begun"
    assert not _lives(tmp_path)


def test_a_process_that_a_check_leaves_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open('pids', 'w').write(str(child.pid))"
    )

    assert python(tmp_path, code).exit_code == 0
    assert not _lives(tmp_path)


def test_a_program_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    ended = run(tmp_path, "no-such-program-here")

    assert ended.exit_code is None
    assert "no-such-program-here" in ended.problem


def test_a_stop_request_ends_the_check(tmp_path: Path) -> None:
    cancellation = Cancellation()
    timer = Timer(0.5, cancellation.cancel, (CancelReason.INTERRUPTED,))
    timer.start()
    try:
        with pytest.raises(Cancelled):
            ProcessCheckRunner().run(
                (sys.executable, "-c", "import time; time.sleep(600)"),
                str(tmp_path),
                Wait(cancellation).within(60),
            )
    finally:
        timer.join()
    assert not [
        child for child in psutil.Process(os.getpid()).children() if "time.sleep" in _words(child)
    ]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _lives(folder: Path) -> bool:
    pid = int((folder / "pids").read_text(encoding="utf-8"))
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
