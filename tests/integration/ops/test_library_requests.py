"""`handle_request` as a Python program meets it, on a pi and a Millrace that are scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millracer import (
    Cancellation,
    CancelReason,
    OpsRequest,
    OpsStatus,
    ProgressDocument,
    handle_request,
)
from tests.support.library_calls import DIRECT, MILLRACE, PI

_ROOT = Path(__file__).parents[3]
_EXAMPLE = _ROOT / "docs" / "examples" / "handle_request.py"
_LIMIT_SECONDS = 60


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A directory that Millrace has not seen yet."""
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def seen_workspace(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One whose status can be asked."""
    (workspace / "millrace-agents").mkdir()
    monkeypatch.setenv("HOSTILE_STATUS", "good")
    return workspace


def _request(action: str, **fields: object) -> dict[str, object]:
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": "r-1",
        "action": action,
        "workspace_ref": {},
        "source": {"kind": "script"},
        **fields,
    }


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


def test_a_requested_task_is_done_and_its_steps_are_reported(workspace: Path) -> None:
    steps: list[ProgressDocument] = []
    asked = _request("enqueue", input={"kind": "text", "text": "give an answer"})

    result = handle_request(
        asked, workspace=workspace, options=DIRECT, on_progress=steps.append, pi_command=PI
    )

    assert (result.status, result.errors) == (OpsStatus.SUCCEEDED, [])
    assert [step.state for step in steps] == ["decide", "direct", "finalize"]


def test_an_invalid_request_has_its_result_too() -> None:
    results = [handle_request(raw) for raw in (b"", b"{", b"\xff", b"[]", b"{}")]

    assert {result.status for result in results} == {OpsStatus.FAILED}
    assert {error.code for result in results for error in result.errors} == {"invalid_request"}


def test_a_listener_that_raises_breaks_off_a_request(workspace: Path) -> None:
    def listener(step: ProgressDocument) -> None:
        raise ZeroDivisionError(step.state)

    asked = _request("enqueue", input={"kind": "text", "text": "give an answer"})
    with pytest.raises(ZeroDivisionError):
        handle_request(
            asked, workspace=workspace, options=DIRECT, on_progress=listener, pi_command=PI
        )


def test_a_cancelled_request_has_its_result(workspace: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)

    result = handle_request(_request("status"), workspace=workspace, cancellation=cancellation)

    assert result.status is OpsStatus.CANCELLED


def test_what_json_cannot_say_is_a_type_error() -> None:
    circle: dict[str, object] = {}
    circle["again"] = circle
    for metadata in ({"when": object()}, circle):
        with pytest.raises(TypeError):
            handle_request(_request("status", metadata=metadata))


@pytest.mark.parametrize("request_", ["{}", [], bytearray(b"{}"), None])
def test_an_unknown_form_of_a_request_is_a_type_error(request_: Any) -> None:
    with pytest.raises(TypeError, match=type(request_).__name__):
        handle_request(request_)


def test_the_example_of_a_request_runs(seen_workspace: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "millrace"
    program.write_text(f'#!/bin/sh\nexec {MILLRACE} "$@"\n', encoding="utf-8")
    program.chmod(0o755)

    ran = subprocess.run(
        (sys.executable, str(_EXAMPLE), str(seen_workspace)),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=True,
    )

    assert json.loads(ran.stdout)["status"] == "succeeded"
