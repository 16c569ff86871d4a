"""Errors, bugs and signals become the document of the command, for every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millracer.cancellation import Cancelled, CancelReason
from millracer.cli import internal_errors, operation_calls
from millracer.cli.app import invoke
from millracer.cli.command import report_cancelled
from millracer.errors import ToolFailed

_COMMANDS = ["status", "submit task", "cancel x", "pause", "resume", "stop"]


@pytest.fixture
def performing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], None]:
    """Return a function that lets every operation raise, in a home and a workspace of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MILLRACER_NO_WARM_MILLRACE", "1")
    monkeypatch.setattr(internal_errors, "_tracebacks_shown", False)

    def patch(error: BaseException) -> None:
        def perform(*_arguments: object) -> Any:
            raise error

        monkeypatch.setattr(operation_calls, "perform", perform)

    return patch


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (ToolFailed("millrace", "no", suggested_action="try"), "millrace_failed", 8),
        (IndexError("a bug"), "internal_error", 1),
        (Cancelled(CancelReason.INTERRUPTED), "cancelled", 130),
        (Cancelled(CancelReason.TERMINATED), "cancelled", 143),
    ],
    ids=["error", "bug", "interrupted", "terminated"],
)
def test_what_ends_a_command_is_its_document(  # noqa: PLR0913, PLR0917 - fixtures and cases
    performing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    command: str,
    error: BaseException,
    code: str,
    exit_code: int,
) -> None:
    performing(error)
    ended = invoke([*command.split(), "--json"])

    out, err = capsys.readouterr()
    document = json.loads(out)
    assert ended == exit_code
    assert document["schema_version"].startswith("millracer.")
    assert [each["code"] for each in document["errors"]] == [code]
    assert "  next: " in err


@pytest.mark.parametrize(
    ("line", "schema", "is_cancelled"),
    [
        ("status --json", "millracer.status.v1", lambda found: found["errors"]),
        ("run --output json", "millracer.run.v1", lambda found: found["outcome"] == "cancelled"),
        ("demo", "millracer.run.v1", lambda found: found["outcome"] == "cancelled"),
        ("ops --json", "millracer.ops.v0.2", lambda found: found["status"] == "cancelled"),
        ("sessions list --json", "millracer.ops.v0.2", lambda found: found["errors"]),
    ],
)
def test_a_signal_before_the_work_is_a_document_too(
    capsys: pytest.CaptureFixture[str],
    line: str,
    schema: str,
    is_cancelled: Callable[[dict[str, Any]], object],
) -> None:
    assert report_cancelled(line.split(), CancelReason.TERMINATED) == 143

    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == schema
    assert is_cancelled(document)


@pytest.mark.parametrize("line", ["ops --jsonl", "status", "run task", "operator"])
def test_a_signal_before_the_work_prints_nothing_that_was_not_requested(
    capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert report_cancelled(line.split(), CancelReason.INTERRUPTED) == 130
    assert capsys.readouterr().out == ""
