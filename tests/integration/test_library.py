"""`run_task` as a Python program meets it, on a pi that is a script."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import millracer
from millracer import (
    Cancellation,
    CancelReason,
    InvalidRequest,
    MillracerError,
    Outcome,
    ProgressDocument,
    RunResultDocument,
    UsageError,
    run_task,
)
from millracer.system.process_table import command_line
from tests.support.cli import wait_until
from tests.support.library_calls import DIRECT, PI
from tests.support.ops_cli import Running

_ROOT = Path(__file__).parents[2]
_LIMIT_SECONDS = 60
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A directory that Millrace has not seen yet."""
    path = tmp_path / "workspace"
    path.mkdir()
    return path


def _without_moments(result: RunResultDocument) -> dict[str, object]:
    document: dict[str, object] = result.model_dump(mode="json")
    moments = {"timings", "output", "usage"}
    return {name: value for name, value in document.items() if name not in moments}


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    assert {"Client", "RunResultDocument", "__version__", "run_task"} <= set(millracer.__all__)
    assert set(millracer.__all__) <= set(dir(millracer))
    for name in millracer.__all__:
        assert getattr(millracer, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(millracer, "no_such_name")  # noqa: B009 - a type checker would refuse the other


def test_a_task_is_done_and_its_steps_are_reported(workspace: Path) -> None:
    steps: list[ProgressDocument] = []

    result = run_task(
        "give an answer",
        workspace=workspace,
        options=DIRECT,
        request_id="mine",
        on_progress=steps.append,
        pi_command=PI,
    )

    assert (result.outcome, result.request_id) == (Outcome.COMPLETED, "mine")
    assert result.output.startswith("answer 1 of ")
    assert [step.state for step in steps] == ["decide", "direct", "finalize"]


def test_a_result_is_what_the_command_prints(workspace: Path) -> None:
    result = run_task(
        "give an answer", workspace=workspace, options=DIRECT, request_id="r", pi_command=PI
    )
    printed = subprocess.run(
        (
            *(sys.executable, "-m", "millracer", "run", "--output", "json", "--route", "direct"),
            *("--request-id", "r", "--no-default-skills", "--workspace", str(workspace)),
            *("--pi-command", PI, "give an answer"),
        ),
        cwd=_ROOT,
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=True,
    )

    assert _without_moments(RunResultDocument.model_validate_json(printed.stdout)) == (
        _without_moments(result)
    )


def test_only_named_work_is_looked_up_in_millrace_before_it_is_done_directly(
    workspace: Path,
) -> None:
    (workspace / "millrace-agents").mkdir()
    unnamed, named = (
        run_task(
            "give an answer",
            workspace=workspace,
            options=DIRECT,
            request_id=request_id,
            millrace_command="no-such-millrace",
            pi_command=PI,
        )
        for request_id in (None, "mine")
    )

    assert (unnamed.outcome, unnamed.request_id[:4]) == (Outcome.COMPLETED, "run-")
    assert [error.code for error in named.errors] == ["millrace_not_found"]


def test_a_missing_tool_is_a_result(workspace: Path) -> None:
    result = run_task("a task", workspace=workspace, options=DIRECT, pi_command="no-such-pi")

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["pi_not_found"]


def test_a_failed_start_is_raised(workspace: Path) -> None:
    steps: list[ProgressDocument] = []

    def begin(task: str = "a task", **arguments: object) -> None:
        given = {"workspace": workspace, "options": DIRECT, "pi_command": PI, **arguments}
        run_task(task, on_progress=steps.append, **given)

    def refused(name: str, value: object) -> None:
        with pytest.raises(InvalidRequest) as error:
            begin(options=replace(DIRECT, **{name: value}))
        assert error.value.field == name

    for task in ("", " \n"):
        with pytest.raises(UsageError, match="task"):
            begin(task)
    for command in ("", "pi 'unclosed"):
        with pytest.raises(UsageError):
            begin(pi_command=command)
    with pytest.raises(UsageError):
        begin(options=replace(DIRECT, skill=("no/such/skill",)))
    with pytest.raises(InvalidRequest) as missing:
        begin(workspace=workspace / "missing")
    assert missing.value.field == "workspace"
    refused("cwd", "no/such/folder")
    refused("route", "sideways")
    refused("daemon_timeout_seconds", float("nan"))
    refused("pi_timeout_seconds", 0.0)
    refused("pi_timeout_seconds", "soon")
    refused("pi_timeout_seconds", 10**400)
    refused("max_daemon_restarts", -1)
    refused("max_daemon_restarts", 1.5)
    refused("thinking", None)
    refused("model", 5)
    refused("skill", "no/such/skill")
    assert steps == []


def test_a_choice_may_be_given_by_its_text(workspace: Path) -> None:
    options = replace(DIRECT, route="direct", pi_session="rpc")

    result = run_task("give an answer", workspace=workspace, options=options, pi_command=PI)

    assert (result.outcome, result.route) == (Outcome.COMPLETED, "direct")


def test_no_configuration_file_counts(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(tmp_path))
    for file in (tmp_path / "config.toml", workspace / "millracer.toml"):
        file.write_text("wrong")

    result = run_task("give an answer", workspace=workspace, options=DIRECT, pi_command=PI)

    assert result.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("state", "error"),
    [("decide", RuntimeError), ("direct", MillracerError), ("finalize", KeyboardInterrupt)],
)
def test_what_a_listener_raises_is_raised_with_nothing_left_running(
    workspace: Path, state: str, error: type[BaseException]
) -> None:
    before = set(psutil.Process().children(recursive=True))

    def listener(step: ProgressDocument) -> None:
        if step.state == state:
            raise error("enough")

    with pytest.raises(error, match="enough"):
        run_task(
            "give an answer",
            workspace=workspace,
            options=DIRECT,
            on_progress=listener,
            pi_command=PI,
        )

    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_run_is_cancelled_from_another_thread(workspace: Path) -> None:
    cancellation = Cancellation()
    before = set(psutil.Process().children())
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(
            run_task,
            "now hang",
            workspace=workspace,
            options=DIRECT,
            cancellation=cancellation,
            pi_command=PI,
        )
        try:
            wait_until(lambda: bool(set(psutil.Process().children()) - before), "pi starts")
        finally:
            cancellation.cancel(CancelReason.INTERRUPTED)
        result = running.result(_LIMIT_SECONDS)

    assert result.outcome is Outcome.CANCELLED
    assert set(psutil.Process().children()) <= before


def test_an_interrupt_in_the_calling_thread_is_raised_with_nothing_left_running(
    workspace: Path,
) -> None:
    program = (
        "from millracer import *; "
        f"run_task('now hang', workspace={str(workspace)!r}, pi_command={PI!r}, "
        "options=RunOptions(route=RoutePreference.DIRECT, no_default_skills=True))"
    )
    calling = Running(
        subprocess.Popen(
            (sys.executable, "-c", program),
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )

    with calling:
        below = psutil.Process(calling.process.pid)
        wait_until(
            lambda: any("rpc" in command_line(each.pid) for each in below.children()), "pi starts"
        )
        started = below.children(recursive=True)
        calling.send(signal.SIGINT)
        ended = calling.finish()

    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert [each.pid for each in started if each.is_running()] == []


def test_runs_continue_side_by_side_in_threads_and_touch_no_signal_handler(workspace: Path) -> None:
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    together = threading.Barrier(3, timeout=_LIMIT_SECONDS)

    def listener(step: ProgressDocument) -> None:
        if step.state == "finalize":
            together.wait()

    with ThreadPoolExecutor(max_workers=3) as pool:
        running = [
            pool.submit(
                run_task,
                "give an answer",
                workspace=workspace,
                options=DIRECT,
                on_progress=listener,
                pi_command=PI,
            )
            for _ in range(3)
        ]
        results = [each.result(_LIMIT_SECONDS) for each in running]

    assert [result.outcome for result in results] == [Outcome.COMPLETED] * 3
    assert len({result.output for result in results}) == 3
    assert [signal.getsignal(number) for number in _SIGNALS] == handlers


def test_neither_result_nor_progress_carries_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-live-0123456789abcdefABCDEF"
    monkeypatch.setenv("SHOP_API_KEY", key)
    (tmp_path / key).mkdir()
    steps: list[ProgressDocument] = []

    result = run_task(
        f"please repeat {key}",
        workspace=tmp_path / key,
        options=DIRECT,
        on_progress=steps.append,
        pi_command=PI,
    )

    assert "please repeat" in result.output
    assert key not in result.model_dump_json()
    assert all(step.workspace.startswith(f"{tmp_path}/") for step in steps)
    assert all(key not in step.model_dump_json() for step in steps)


def test_the_snippets_of_the_documentation_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "path" / "to" / "workspace").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # neither tool is there

    names: dict[str, object] = {}
    for snippet in snippets:
        exec(snippet, names)  # noqa: S102 - the page's own code

    assert capsys.readouterr().out.splitlines() == [
        "failed False",
        "millrace_not_found",
        "Fix one: millrace_not_found",
        "failed",
        "['default', 'shop']",
    ]
