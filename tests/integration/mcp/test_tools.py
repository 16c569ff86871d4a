"""The tools over the SDK's client, in every mode of the protocol, on a scripted Millrace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
from mcp import Client

from millracer.domain.checks import CheckPlace
from millracer.domain.work.items import ItemState
from millracer.mcp.tools import TOOLS
from tests.integration.mcp.conftest import MakeServer, NotedRuns
from tests.support.asynchronous import run_apart
from tests.support.mcp_servers import call
from tests.support.serving import LiveBackend

ITEM = "fix-it-0123456789abcdef0123"
TASK = {"task": "Fix it", "intake": "task", "request_id": "ticket-1"}
MODES = ("legacy", "2026-07-28")
_Value = TypeVar("_Value")


def using(server: Any, work: Callable[[Client], Awaitable[_Value]], mode: str = MODES[1]) -> _Value:
    """Return the result of work with a client of a server."""

    async def run() -> _Value:
        async with Client(server, mode=mode, raise_exceptions=True) as client:
            return await work(client)

    return run_apart(run())


def report_of(server: Any, name: str, mode: str = MODES[1], **arguments: Any) -> dict[str, Any]:
    """Return the report of one call."""
    return using(server, lambda client: call(client, name, **arguments), mode)


@pytest.mark.parametrize("mode", MODES)
def test_each_tool_has_the_one_output_schema_and_its_hints(make: MakeServer, mode: str) -> None:
    listed = using(make(allow_control=True), lambda client: client.list_tools(), mode).tools

    assert [tool.name for tool in listed] == [row.name for row in TOOLS]
    schemas = [tool.output_schema for tool in listed]
    assert schemas == [schemas[0]] * len(TOOLS)
    assert set(schemas[0]["required"]) == set(schemas[0]["properties"])
    hints = {tool.name: tool.annotations for tool in listed}
    assert not hints["delegate"].read_only_hint
    assert all(hints[name].read_only_hint for name in ("wait", "result", "status", "logs", "diff"))
    assert hints["cancel"].destructive_hint


def test_control_is_offered_only_if_it_is_allowed(make: MakeServer) -> None:
    listed = using(make(), lambda client: client.list_tools()).tools
    refused = report_of(make(), "pause")

    assert {"pause", "resume", "retry"}.isdisjoint(tool.name for tool in listed)
    assert (refused["status"], refused["code"]) == ("failed", "unknown_tool")
    assert "delegate" in refused["next"]


@pytest.mark.parametrize("mode", MODES)
def test_a_task_is_delegated_once(
    make: MakeServer, backend: LiveBackend, runs: NotedRuns, mode: str
) -> None:
    first = report_of(make(), "delegate", mode, **TASK)
    second = report_of(make(), "delegate", mode, **TASK)

    assert (first["status"], first["scoped_completion"]) == ("working", False)
    assert first["work_item_id"] == second["work_item_id"]
    assert backend.enqueued == [first["work_item_id"]]
    assert set(runs.items) == {first["work_item_id"]}


def test_another_text_is_other_work(
    make: MakeServer, backend: LiveBackend, runs: NotedRuns
) -> None:
    first = report_of(make(), "delegate", **TASK)
    second = report_of(make(), "delegate", **{**TASK, "task": "Fix something else"})

    assert backend.enqueued == runs.items == [first["work_item_id"], second["work_item_id"]]


@pytest.mark.parametrize("mode", MODES)
def test_only_evidence_makes_an_item_completed(
    make: MakeServer, backend: LiveBackend, mode: str
) -> None:
    backend.holds(ITEM, ItemState.DONE)
    unproven = report_of(make(), "result", mode, work_item_id=ITEM)
    backend.holds(ITEM, ItemState.DONE, proven=True)
    proven = report_of(make(), "wait", mode, work_item_id=ITEM)

    assert (unproven["status"], unproven["scoped_completion"]) == ("not_completed", False)
    assert unproven["missing"] != []
    assert (proven["status"], proven["scoped_completion"]) == ("completed", True)
    assert proven["evidence"] != []


def _checking(make: MakeServer, *argv: str) -> Any:
    """Return a server that demands a check."""
    return make(checks=(argv,), check_in=CheckPlace.WORKSPACE, check_timeout_seconds=30)


@pytest.mark.parametrize("tool", ["result", "wait"])
def test_an_item_is_completed_only_if_the_demanded_checks_pass(
    make: MakeServer, backend: LiveBackend, workspace: Path, tool: str
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    server = _checking(make, "test", "-f", "made")

    failed = report_of(server, tool, work_item_id=ITEM)
    (workspace / "made").touch()
    passed = report_of(server, tool, work_item_id=ITEM)

    assert (failed["status"], failed["outcome"]) == ("not_completed", "incomplete")
    assert (failed["scoped_completion"], failed["evidence"]) == (False, [])
    assert ["test -f made" in each for each in failed["missing"]] == [True]
    assert (passed["status"], passed["scoped_completion"]) == ("completed", True)
    assert "test -f made" in passed["evidence"][-1]


@pytest.mark.parametrize("tool", ["show", "status"])
def test_a_tool_that_runs_no_checks_never_says_completed_if_some_are_demanded(
    make: MakeServer, backend: LiveBackend, tool: str
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)

    report = report_of(_checking(make, "true"), tool, work_item_id=ITEM)

    assert (report["status"], report["scoped_completion"]) == ("not_completed", False)
    assert "`result`" in report["next"]


def test_checks_that_run_longer_than_a_call_run_once(
    make: MakeServer, backend: LiveBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    waits = "echo run >> runs; until test -f go; do sleep 0.02; done"
    server = _checking(make, "sh", "-c", waits)

    try:
        early = [report_of(server, "wait", work_item_id=ITEM, seconds=0.2) for _ in range(2)]
    finally:
        (workspace / "go").touch()
    last = report_of(server, "wait", work_item_id=ITEM, seconds=30)

    assert {(each["status"], each["scoped_completion"]) for each in early} == {("working", False)}
    assert last["status"] == "completed"
    assert (workspace / "runs").read_text(encoding="utf-8") == "run\n"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (ItemState.QUEUED, "working"),
        (ItemState.BLOCKED, "not_completed"),
        (ItemState.CANCELLED, "cancelled"),
    ],
)
def test_each_state_has_its_status(
    make: MakeServer, backend: LiveBackend, state: ItemState, status: str
) -> None:
    backend.holds(ITEM, state)

    for tool in ("result", "show"):
        report = report_of(make(), tool, work_item_id=ITEM)
        assert (report["status"], report["scoped_completion"]) == (status, False)
        assert report["next"]


def test_a_wait_that_is_over_says_that_the_item_works(
    make: MakeServer, backend: LiveBackend
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)

    report = report_of(make(), "wait", work_item_id=ITEM, seconds=0.2)

    assert (report["status"], report["work_item_id"]) == ("working", ITEM)
    assert f"millracer watch {ITEM}" in report["next"]  # no process runs it


def test_an_item_whose_process_was_just_started_is_waited_for(
    make: MakeServer, backend: LiveBackend, runs: NotedRuns
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    runs.items.append(ITEM)

    report = report_of(make(), "result", work_item_id=ITEM)

    assert report["status"] == "working"
    assert "millracer watch" not in report["next"]


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("delegate", {}, "invalid_arguments"),
        ("delegate", {"task": " "}, "invalid_arguments"),
        ("delegate", {"task": "x", "wait_seconds": 51}, "invalid_arguments"),
        ("delegate", {"task": "x", "intake": "story"}, "invalid_arguments"),
        ("delegate", {"task": "x", "workspace": "/elsewhere"}, "workspace_not_served"),
        ("wait", {"work_item_id": ITEM, "timeout": 5}, "invalid_arguments"),
        ("wait", {"work_item_id": ITEM, "after": "now"}, "invalid_request"),
        ("result", {"work_item_id": "no-such-item"}, "invalid_request"),
        ("cancel", {"work_item_id": "no-such-item"}, "invalid_request"),
        ("finish", {}, "unknown_tool"),
    ],
)
def test_wrong_arguments_get_an_error_that_a_model_can_act_on(
    make: MakeServer, backend: LiveBackend, name: str, arguments: dict[str, Any], code: str
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)

    async def ask(client: Client) -> Any:
        return await client.call_tool(name, arguments)

    result = using(make(), ask)

    report = result.structured_content
    assert result.is_error
    assert (report["status"], report["code"]) == ("failed", code)
    assert report["message"]
    assert report["next"]


def test_reports_and_controls_go_through_the_operations(
    make: MakeServer, backend: LiveBackend
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    server = make(allow_control=True)

    async def ask(client: Client) -> dict[str, dict[str, Any]]:
        asked: dict[str, dict[str, Any]] = {
            "list_items": {},
            "status": {},
            "show": {"work_item_id": ITEM},
            "logs": {"work_item_id": ITEM},
            "pause": {},
            "resume": {},
            "cancel": {"work_item_id": ITEM, "reason": "not needed"},
        }
        return {name: await call(client, name, **given) for name, given in asked.items()}

    reports = using(server, ask)

    assert ITEM in reports["list_items"]["output"]
    assert ITEM in reports["status"]["output"]
    assert ITEM in reports["show"]["output"]
    assert reports["logs"]["status"] == "answered"
    assert [reports[name]["status"] for name in ("pause", "resume", "cancel")] == ["answered"] * 3
    assert backend.items[ITEM].state is ItemState.CANCELLED


def test_a_report_is_valid_against_the_schema_of_each_tool(
    make: MakeServer, backend: LiveBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    listed = using(make(), lambda client: client.list_tools()).tools
    reports = [
        report_of(make(), "delegate", **TASK),
        report_of(make(), "list_items", workspace=str(workspace)),
        report_of(make(), "result", work_item_id="no-such-item"),
    ]

    for report in reports:
        jsonschema.validate(report, listed[0].output_schema)
