"""`from millracer import …` as a Python program meets it; pi and Millrace are scripts."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
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
    OpsRequest,
    OpsStatus,
    Outcome,
    ProgressDocument,
    RoutePreference,
    RunChoices,
    RunResultDocument,
    UsageError,
    api,
    handle_request,
    run_task,
)
from tests.support.cli import wait_until
from tests.support.ops_cli import Running

_ROOT = Path(__file__).parents[2]
_CHILDREN = _ROOT / "tests" / "children"
_EXAMPLES = _ROOT / "docs" / "examples"
_LIMIT_SECONDS = 60
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PI = shlex.join((sys.executable, str(_CHILDREN / "pi_told.py")))
MILLRACE = shlex.join((sys.executable, str(_CHILDREN / "hostile_millrace.py")))
DIRECT = RunChoices(route=RoutePreference.DIRECT, default_skills=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A directory that Millrace has not seen yet."""
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def seen_workspace(workspace: Path) -> Path:
    """One whose status can be asked."""
    (workspace / "millrace-agents").mkdir()
    return workspace


@pytest.fixture(autouse=True)
def status_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE_STATUS", "good")


def _request(action: str, **fields: object) -> dict[str, object]:
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": "r-1",
        "action": action,
        "workspace_ref": {},
        "source": {"kind": "script"},
        **fields,
    }


def _without_moments(result: RunResultDocument) -> dict[str, object]:
    document: dict[str, object] = result.model_dump(mode="json")
    return {name: value for name, value in document.items() if name not in {"timings", "output"}}


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    assert sorted(millracer.__all__) == sorted([*api.__all__, "__version__"])
    assert set(millracer.__all__) <= set(dir(millracer))
    for name in api.__all__:
        assert getattr(millracer, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(millracer, "no_such_name")  # noqa: B009 - a type checker would refuse the other


def test_a_task_is_done_and_its_steps_are_told(workspace: Path) -> None:
    steps: list[ProgressDocument] = []

    result = run_task(
        "give an answer",
        workspace=workspace,
        choices=DIRECT,
        request_id="mine",
        on_progress=steps.append,
        pi_command=PI,
    )

    assert (result.outcome, result.request_id) == (Outcome.COMPLETED, "mine")
    assert result.output.startswith("answer 1 of ")
    assert [step.state for step in steps] == ["decide", "direct", "finalize"]


def test_a_result_is_what_the_command_prints(workspace: Path) -> None:
    result = run_task(
        "give an answer", workspace=workspace, choices=DIRECT, request_id="r", pi_command=PI
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
    seen_workspace: Path,
) -> None:
    unnamed, named = (
        run_task(
            "give an answer",
            workspace=seen_workspace,
            choices=DIRECT,
            request_id=request_id,
            millrace_command="no-such-millrace",
            pi_command=PI,
        )
        for request_id in (None, "mine")
    )

    assert (unnamed.outcome, unnamed.request_id[:4]) == (Outcome.COMPLETED, "run-")
    assert [error.code for error in named.errors] == ["millrace_not_found"]


def test_a_missing_tool_is_a_result(workspace: Path) -> None:
    result = run_task("a task", workspace=workspace, choices=DIRECT, pi_command="no-such-pi")

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["pi_not_found"]


def test_what_cannot_be_begun_is_raised(workspace: Path) -> None:
    steps: list[ProgressDocument] = []

    def begin(task: str = "a task", **arguments: object) -> None:
        given = {"workspace": workspace, "choices": DIRECT, "pi_command": PI, **arguments}
        run_task(task, on_progress=steps.append, **given)  # type: ignore[arg-type]

    def refused(name: str, value: object) -> None:
        with pytest.raises(InvalidRequest) as error:
            begin(choices=replace(DIRECT, **{name: value}))  # type: ignore[arg-type]
        assert error.value.field == name

    for task in ("", " \n"):
        with pytest.raises(UsageError, match="there is no task"):
            begin(task)
    for command in ("", "pi 'unclosed"):
        with pytest.raises(UsageError):
            begin(pi_command=command)
    with pytest.raises(UsageError):
        begin(choices=replace(DIRECT, skills=("no/such/skill",)))
    with pytest.raises(InvalidRequest) as missing:
        begin(workspace=workspace / "missing")
    assert missing.value.field == "workspace"
    refused("cwd", "no/such/folder")
    refused("route", "sideways")
    refused("daemon_timeout_seconds", float("nan"))
    refused("pi_timeout_seconds", 0.0)
    refused("max_daemon_restarts", -1)
    assert steps == []


def test_a_choice_may_be_given_by_its_text(workspace: Path) -> None:
    choices = replace(DIRECT, route="direct", pi_session="rpc")  # type: ignore[arg-type]

    result = run_task("give an answer", workspace=workspace, choices=choices, pi_command=PI)

    assert (result.outcome, result.route) == (Outcome.COMPLETED, "direct")


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
            choices=DIRECT,
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
            choices=DIRECT,
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
        "choices=RunChoices(route=RoutePreference.DIRECT, default_skills=False))"
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
        wait_until(lambda: any("rpc" in each.cmdline() for each in below.children()), "pi starts")
        started = below.children(recursive=True)
        calling.send(signal.SIGINT)
        ended = calling.finish()

    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert [each.pid for each in started if each.is_running()] == []


def test_runs_go_on_side_by_side_in_threads_and_touch_no_signal_handler(workspace: Path) -> None:
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
                choices=DIRECT,
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
        choices=DIRECT,
        on_progress=steps.append,
        pi_command=PI,
    )

    assert "please repeat" in result.output
    assert key not in result.model_dump_json()
    assert all(step.workspace.startswith(f"{tmp_path}/") for step in steps)
    assert all(key not in step.model_dump_json() for step in steps)


@pytest.mark.parametrize(
    "form",
    [
        lambda request: request,
        lambda request: json.dumps(request).encode(),
        lambda request: OpsRequest.model_validate_json(json.dumps(request)),
    ],
    ids=["mapping", "bytes", "model"],
)
def test_a_request_is_answered_in_each_form(
    seen_workspace: Path, form: Callable[[dict[str, object]], bytes]
) -> None:
    asked = form(_request("status"))

    result = handle_request(asked, workspace=seen_workspace, millrace_command=MILLRACE)

    assert (result.status, result.errors) == (OpsStatus.SUCCEEDED, [])
    assert result.request_id == "r-1"
    assert result.workspace_ref.root_path == str(seen_workspace)


def test_requests_are_remembered_in_their_session() -> None:
    handle_request(_request("list_workspaces"), session_id="mine")

    result = handle_request(_request("list_sessions"))

    sessions = result.model_dump()["result"]["sessions"]
    assert [each["session_id"] for each in sessions] == ["mine"]


def test_a_requested_task_is_done_and_its_steps_are_told(workspace: Path) -> None:
    steps: list[ProgressDocument] = []
    asked = _request("enqueue", input={"kind": "text", "text": "give an answer"})

    result = handle_request(
        asked, workspace=workspace, choices=DIRECT, on_progress=steps.append, pi_command=PI
    )

    assert (result.status, result.errors) == (OpsStatus.SUCCEEDED, [])
    assert [step.state for step in steps] == ["decide", "direct", "finalize"]


def test_what_is_no_request_has_its_result_too() -> None:
    results = [handle_request(raw) for raw in (b"", b"{", b"\xff", b"[]", b"{}")]

    assert {result.status for result in results} == {OpsStatus.FAILED}
    assert {error.code for result in results for error in result.errors} == {"invalid_request"}


def test_a_listener_that_raises_breaks_off_a_request(workspace: Path) -> None:
    def listener(step: ProgressDocument) -> None:
        raise ZeroDivisionError(step.state)

    asked = _request("enqueue", input={"kind": "text", "text": "give an answer"})
    with pytest.raises(ZeroDivisionError):
        handle_request(
            asked, workspace=workspace, choices=DIRECT, on_progress=listener, pi_command=PI
        )


def test_a_cancelled_request_has_its_result(workspace: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)

    result = handle_request(_request("status"), workspace=workspace, cancellation=cancellation)

    assert result.status is OpsStatus.CANCELLED


def test_what_json_cannot_say_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        handle_request(_request("status", metadata={"when": object()}))


def test_the_snippet_of_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "path" / "to" / "workspace").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # neither tool is there

    exec(snippet, {})  # noqa: S102 - our own words

    assert capsys.readouterr().out == "failed False\n"


def test_the_example_of_a_request_runs(seen_workspace: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "millrace"
    program.write_text(f'#!/bin/sh\nexec {MILLRACE} "$@"\n', encoding="utf-8")
    program.chmod(0o755)

    ran = subprocess.run(
        (sys.executable, str(_EXAMPLES / "handle_request.py"), str(seen_workspace)),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=True,
    )

    assert json.loads(ran.stdout)["status"] == "succeeded"
