"""A run's folder names the programs that were to do its stages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.millrace.evidence.traces import TraceFiles, stage_facts
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import RunTrace

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REQUEST = "request-41e813bacf034fe09b32af6ba97f846e"
NOTE = "No API key found for azure-openai-responses.\n\nUse /login to log into a provider."


def trace(request_id: str = REQUEST) -> RunTrace:
    node = {"stage": "builder", "terminal_result": "BLOCKED", "request_id": request_id}
    return RunTrace.model_validate({"run_id": "run-1", "status": "blocked", "nodes": [node]})


def completion(**changes: object) -> str:
    document = {"request_id": REQUEST, "exit_kind": "runner_error", "exit_code": 1, "notes": [NOTE]}
    return json.dumps({**document, **changes})


def failures(tmp_path: Path, written: str, *, request_id: str = REQUEST) -> dict[str, str]:
    paths = WorkspacePaths(tmp_path)
    file = paths.agents / "runs" / "run-1" / f"runner_completion.{request_id}.json"
    file.parent.mkdir(parents=True)
    file.resolve().write_text(written, encoding="utf-8")
    return TraceFiles(paths).runner_failures(trace(request_id))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param(completion(), NOTE.partition("\n")[0], id="its first line"),
        pytest.param(completion(notes=["\n", " second \n"]), "second", id="the first that says"),
        pytest.param(completion(notes=[]), "runner_error (exit code 1)", id="nothing said"),
        pytest.param(completion(notes=[], exit_code=None), "runner_error", id="no code"),
        pytest.param(completion(notes=["x" * 301]), "x" * 300, id="a very long line"),
    ],
)
def test_the_program_that_failed_says_why(tmp_path: Path, written: str, said: str) -> None:
    found = failures(tmp_path, written)

    assert found == {REQUEST: said}
    facts = stage_facts(trace(), "the trace", NOW, found)
    assert [fact.runner_failure for fact in facts] == [said]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(completion(exit_kind="completed"), id="it did its part"),
        pytest.param("{", id="half written"),
        pytest.param("[]", id="another shape"),
    ],
)
def test_what_did_not_fail_or_cannot_be_read_says_nothing(tmp_path: Path, written: str) -> None:
    assert failures(tmp_path, written) == {}


def test_a_trace_names_no_file_outside_its_run(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(completion(), encoding="utf-8")
    (tmp_path / "millrace-agents" / "runs" / "run-1" / "runner_completion.x").mkdir(parents=True)

    found = TraceFiles(WorkspacePaths(tmp_path)).runner_failures(trace("x/../../../../elsewhere"))

    assert found == {}
