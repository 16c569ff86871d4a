"""Errors, bugs and signals become the document of the command, for every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason
from millracer.cli import internal_errors, operation_calls
from millracer.cli.app import invoke
from millracer.cli.command import report_cancelled
from millracer.cli.commands.ops.request import answer
from millracer.cli.commands.status import watch
from millracer.cli.operator.command import take
from millracer.doctor import diagnosis
from millracer.domain.operations import OPERATIONS
from millracer.domain.run.result import RunResult
from millracer.errors import ToolFailed
from millracer.operations import task as operation_task
from millracer.operations.ops.gateway import OpsGateway
from millracer.operator.session import Operator, Watching
from tests.support.gateway import Desk, asked

_ON_ITEMS = ("watch", "show", "logs", "trace", "diff", "cancel", "retry", "certify")
_ON_FLEET_ITEMS = ("fleet_show", "fleet_wait", "fleet_cancel", "fleet_retry", "fleet_drain")
_ARGUMENTS = {
    "run": "task",
    "submit": "task",
    "fleet_submit": "w task",
    "fleet_prune": "--older-than 30d",
    **dict.fromkeys(
        (*_ON_ITEMS, *_ON_FLEET_ITEMS, "fleet_forget", "fleet_pause", "fleet_resume"), "x"
    ),
}
#: Every command of the table, with its arguments and the option for JSON.
_COMMANDS = [
    f"{' '.join(each.words) or name} {_ARGUMENTS.get(name, '')} --json"
    for name, each in OPERATIONS.items()
    if each.help
]


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
        monkeypatch.setattr(operation_task, "run_task", perform)

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
    ended = invoke(command.split())

    out, err = capsys.readouterr()
    document = json.loads(out)
    assert ended == exit_code
    assert document["schema_version"].startswith("millracer.")
    codes = [each["code"] for each in document["errors"]]
    assert codes == [code] or (codes == [] and document["outcome"] == code)
    assert "  next: " in err or not codes


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put a bug into what the commands outside the table call."""

    def bug(*_arguments: object, **_named: object) -> Any:
        raise IndexError("a bug")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MILLRACER_NO_WARM_MILLRACE", "1")
    monkeypatch.setattr(diagnosis, "examine", bug)
    monkeypatch.setattr(watch, "find_place", bug)
    monkeypatch.setattr(OpsGateway, "handle", bug)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("line", ["doctor --json", "status --watch --json"])
def test_a_bug_outside_the_table_is_the_document_of_the_command(
    capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert invoke(line.split()) == 1

    out, err = capsys.readouterr()
    assert [each["code"] for each in json.loads(out)["errors"]] == ["internal_error"]
    assert err.count("a bug") == 1


@pytest.mark.usefixtures("broken")
def test_a_bug_in_an_ops_request_is_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    answered = answer(Desk().gateway(), asked("status"), Cancellation())

    assert (answered.exit_code, answered.result.request_id) == (1, "req-1")
    assert [each.code for each in answered.result.errors] == ["internal_error"]
    assert capsys.readouterr().err.count("a bug") == 1


@pytest.mark.parametrize(
    ("error", "exit_code", "shown", "is_cancelled"),
    [
        (IndexError("a bug"), 1, "error: internal error", False),
        (ToolFailed("pi", "no", suggested_action="x"), 8, "error: no", False),
        (Cancelled(CancelReason.INTERRUPTED), 0, "stopped", True),
    ],
    ids=["bug", "error", "interrupted"],
)
def test_what_ends_a_line_of_the_operator_does_not_end_the_session(  # noqa: PLR0913, PLR0917 - fixtures and cases
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    exit_code: int,
    shown: str,
    *,
    is_cancelled: bool,
) -> None:
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(tmp_path))

    class Person:
        def take(self, _line: str, _watching: Watching) -> RunResult | None:
            raise error

    cancellation = Cancellation()
    person = cast("Operator", Person())

    assert take(person, "/status", cancellation, interactive=False) == exit_code
    assert shown in capsys.readouterr().err
    assert (cancellation.reason is not None) is is_cancelled


@pytest.mark.parametrize(
    ("line", "schema", "is_cancelled"),
    [
        ("status --json", "millracer.status.v1", lambda found: found["errors"]),
        ("run --output json", "millracer.run.v1", lambda found: found["outcome"] == "cancelled"),
        ("demo --json", "millracer.run.v1", lambda found: found["outcome"] == "cancelled"),
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
