"""The runner performs a stored request as `millracer ops` does, in the checkout of its item."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from millracer.cancellation import Cancellation
from millracer.operations.options import OptionLayers
from millracer.programs.discovery import resolve_programs
from millracer.wiring.tool_factory import ProgramFactory
from millracer.worker.runner import CancelEffect, OpsRunner

_SECRET = "not-for-others-4711"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpsRunner]:
    """A runner whose Millrace is not installed."""
    monkeypatch.setenv("SHOP_API_KEY", _SECRET)
    found = resolve_programs({"millrace_command": "no-such-millrace", "pi_command": "no-such-pi"})
    with closing(ProgramFactory(found=found)) as programs:
        yield OpsRunner(programs=programs, options=OptionLayers(given={}))


def request(**changes: Any) -> dict[str, Any]:
    return {
        "schema_version": "millracer.ops.v0.3",
        "request_id": "r",
        "idempotency_key": "ticket-1",
        "action": "enqueue",
        "workspace_ref": {"runtime_kind": "fleet", "workspace_id": "shop"},
        "source": {"kind": "fleet"},
        "route_preference": "millrace",
        "intake_preference": "task",
        "options": {"finalizer": "summary"},
        "input": {"text": f"Use {_SECRET}"},
        **changes,
    }


def run(runner: OpsRunner, root: Path, **changes: Any) -> dict[str, Any]:
    return runner.run(request(**changes), str(root), Cancellation(), lambda *_: None)


def test_a_request_is_performed_in_the_checkout_and_its_result_has_no_secrets(
    runner: OpsRunner, tmp_path: Path
) -> None:
    result = run(runner, tmp_path)

    assert result["status"] == "failed"
    assert [error["code"] for error in result["errors"]] == ["millrace_not_found"]
    assert result["workspace_ref"]["root_path"] == str(tmp_path)
    assert result["completion"]["scoped_completion"] is False
    assert _SECRET not in json.dumps(result)


def test_a_stored_request_chooses_neither_its_place_nor_its_action(
    runner: OpsRunner, tmp_path: Path
) -> None:
    elsewhere = {"root_path": "/elsewhere", "workspace_id": "another"}

    result = run(runner, tmp_path, workspace_ref=elsewhere, action="stop")

    assert result["action"] == "enqueue"
    assert result["workspace_ref"]["root_path"] == str(tmp_path)


def test_a_cancellation_that_millrace_cannot_confirm_leaves_the_item_open(
    runner: OpsRunner, tmp_path: Path
) -> None:
    assert runner.cancel("ticket-1-0123456789abcdef0123", str(tmp_path)) is CancelEffect.OPEN
