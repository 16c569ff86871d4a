"""`millracer ops --json` on the real Millrace: status, and tasks to their ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.cli import daemon_pid, stored, wait_until
from tests.support.ops_cli import DELEGATED, OpsCaller, Printed, request
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

TASK: dict[str, Any] = {**DELEGATED, "input": {"text": "Make the widget blue"}}


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[Scenario], Workspace]:
    return lambda scenario: make_workspace(tmp_path / "workspace", millrace_command, scenario)


@pytest.fixture
def caller(tmp_path: Path, millrace_command: str) -> OpsCaller:
    return OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
    )


def at(workspace: Workspace) -> dict[str, Any]:
    return {"workspace_ref": {"root_path": str(workspace.root)}}


def ended(printed: Printed, status: str, exit_code: int) -> dict[str, Any]:
    assert (printed.document["status"], printed.exit_code) == (status, exit_code), (
        printed.stdout + printed.stderr
    )
    return printed.document


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


# status


def test_status_is_millraces_own_document_and_changes_nothing(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller
) -> None:
    workspace = prepare(Scenario())
    before = _tree(workspace.root)

    result = ended(caller.ask("status", **at(workspace)), "succeeded", 0)

    assert result["result"]["process_running"] is False
    assert result["result"]["resolution"]["rule"] == "request_root_path"
    assert (result["route"], result["completion"]["verification_status"]) == (
        "status_only",
        "not_applicable",
    )
    assert result["evidence_refs"][0].startswith("millrace status --format json --workspace ")
    assert _tree(workspace.root) == before


def test_status_distinguishes_a_missing_workspace_from_a_missing_millrace(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller, tmp_path: Path
) -> None:
    workspace = prepare(Scenario())
    (tmp_path / "empty").mkdir()
    old = program(tmp_path / "old", "echo millrace 0.17.9")
    asked = {
        "workspace_missing": caller.ask("status", workspace_ref={"root_path": "gone"}),
        "workspace_uninitialised": caller.ask("status", workspace_ref={"root_path": "empty"}),
        "millrace_not_found": caller.ask(
            "status", "--millrace-command", "/nowhere/millrace", **at(workspace)
        ),
        "millrace_unsupported": caller.ask("status", "--millrace-command", old, **at(workspace)),
    }

    for code, printed in asked.items():
        result = ended(printed, "failed", 1)
        assert printed.error_codes == [code]
        assert result["errors"][0]["suggested_action"]
        assert result["result"]["resolution"]["rule"] == "request_root_path"
    assert list((tmp_path / "empty").iterdir()) == []


# enqueue


@pytest.mark.ending
def test_a_selected_workspace_completes_a_task_with_its_references_and_evidence(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller
) -> None:
    workspace = prepare(Scenario())
    ended(
        caller.ask(
            "select_workspace",
            client_name="ui",
            input={"payload": {"root_path": str(workspace.root)}},
        ),
        "succeeded",
        0,
    )
    task = {
        **TASK,
        "client_name": "ui",
        "context_refs": ["docs/widget.md", "https://example.org/blue?a=1#b"],
        "scoped_work_item": {"item_id": "ITEM-1", "title": "Blue", "source_queue": "Q.md"},
    }

    first = caller.ask(
        "enqueue", expected_evidence=["UPDATE_COMPLETE", "updater", "all is well"], **task
    )

    result = ended(first, "succeeded", 0)
    completion, raw = result["completion"], result["raw_compat"]
    assert result["result"]["resolution"]["rule"] == "active_session"
    assert (completion["outcome"], completion["scoped_completion"]) == ("completed", True)
    (missing,) = completion["missing_evidence"]
    assert missing.endswith(": all is well")
    assert completion["verification_status"] == "unverified"
    assert completion["terminal_outcome_ref"] == raw["event"]["run_id"]
    assert completion["evidence_summary"] == raw["completion_evidence"] != []
    assert result["scoped_work_item"] == raw["scoped_work_item"]
    assert {entry["source"] for entry in raw["completion_evidence"]} <= set(result["evidence_refs"])
    place = stored(workspace, raw["work_item_id"])
    assert place is not None
    assert place.parent.name == "done"
    references = place.read_text(encoding="utf-8").partition("\nReferences:\n")[2]
    listed = references.partition("\n\n")[0].splitlines()
    assert {"- docs/widget.md", "- https://example.org/blue?a=1#b"} <= set(listed)

    again = caller.ask(
        "enqueue",
        request_id="req-2",
        expected_evidence=["UPDATE_COMPLETE", raw["event"]["run_id"]],
        **task,
    )

    found = ended(again, "succeeded", 0)
    assert found["raw_compat"]["work_item_id"] == raw["work_item_id"]
    assert found["completion"]["verification_status"] == "verified"
    assert found["completion"]["missing_evidence"] == []
    assert workspace.stages().count("builder") == 1
    assert caller.session("ui")["recent_request_ids"] == ["req-1", "req-2"]


@pytest.mark.slow
def test_a_blocked_task_is_blocked_and_found_again_by_its_key_alone(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller
) -> None:
    blocked = (Step(marker="BLOCKED"),)
    workspace = prepare(
        Scenario({"builder": blocked, "troubleshooter": blocked, "consultant": blocked})
    )
    task = {**TASK, **at(workspace), "idempotency_key": "widget"}

    result = ended(caller.ask("enqueue", **task), "blocked", 0)
    stages = workspace.stages()

    assert result["completion"]["scoped_completion"] is False
    assert result["completion"]["verification_status"] == "unverified"
    assert "blocked" in result["completion"]["missing_evidence"][0]
    again = ended(caller.ask("enqueue", **{**task, "request_id": "req-2"}), "blocked", 0)
    assert again["raw_compat"]["work_item_id"] == result["raw_compat"]["work_item_id"]
    assert workspace.stages() == stages

    other = caller.ask("enqueue", **{**task, "input": {"text": "Make the widget green"}})

    ended(other, "failed", 1)
    assert other.error_codes == ["idempotency_conflict"]
    assert workspace.stages() == stages


@pytest.mark.slow
def test_a_terminated_enqueue_is_cancelled_leaves_no_process_and_continues_later(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller
) -> None:
    workspace = prepare(Scenario({"builder": (Step(seconds=300, detached_child=True),)}))
    body = request("enqueue", **TASK, **at(workspace))
    with caller.start("ops", "--json", *caller.options) as running:
        running.says(body, closes=True)
        wait_until(lambda: workspace.stages() == ["builder"], "the builder starts")
        daemon = daemon_pid(workspace)
        running.send(signal.SIGTERM)
        printed = running.finish()

    result = ended(printed, "cancelled", 143)
    assert result["completion"]["outcome"] == "cancelled"
    assert result["raw_compat"]["event"]["kind"] == "cancelled"
    assert daemon is not None
    assert not psutil.pid_exists(daemon)

    workspace.play(Scenario())
    again = ended(caller.send(body), "succeeded", 0)

    assert again["raw_compat"]["work_item_id"] == result["raw_compat"]["work_item_id"]
    assert caller.session("local")["recent_request_ids"] == ["req-1"]


@pytest.mark.slow
def test_a_hanging_stage_times_out_by_the_requests_own_limit(
    prepare: Callable[[Scenario], Workspace], caller: OpsCaller
) -> None:
    workspace = prepare(Scenario({"builder": (Step(hang=True),)}))
    options = {**DELEGATED["options"], "daemon-timeout-seconds": 8}

    printed = caller.ask("enqueue", **{**TASK, **at(workspace), "options": options})

    result = ended(printed, "timed_out", 7)
    assert result["raw_compat"]["next_steps"][0]["action"] == "continue"


def _tree(root: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and os.access(path, os.R_OK) and ".git" not in path.parts
    }
