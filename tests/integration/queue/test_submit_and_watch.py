"""`millracer submit` and `watch` as they are met, on the real Millrace and without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from millracer.schemas.names import SchemaName
from tests.support.cli import daemon_pid
from tests.support.ops_cli import OpsCaller, Printed
from tests.support.ops_world import assert_published
from tests.support.workspace import Workspace


def published(printed: Printed) -> Printed:
    assert_published(SchemaName.SUBMIT_RESULT, printed.document)
    return printed


@pytest.mark.parametrize("how", [("--json",), ("--output", "json")])
@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        ((), "usage", 2),
        (("--no-such",), "usage", 2),
        (("--workspace", "/nowhere/at/all", "A task"), "invalid_request", 2),
        (("--request-id", " ", "A task"), "invalid_request", 2),
        (("A task",), "millrace_not_found", 8),
    ],
)
def test_every_refusal_is_a_document_with_a_next_step(
    elsewhere: OpsCaller,
    how: tuple[str, ...],
    arguments: tuple[str, ...],
    code: str,
    exit_code: int,
) -> None:
    printed = published(elsewhere.run("submit", *how, *arguments))

    assert (printed.exit_code, printed.error_codes) == (exit_code, [code])
    assert printed.document["errors"][0]["suggested_action"]
    assert "next: " in printed.stderr


def test_without_a_result_there_is_no_id(elsewhere: OpsCaller) -> None:
    assert elsewhere.run("submit", "A task").stdout == ""


def test_a_watch_without_millrace_is_refused_and_needs_an_item(elsewhere: OpsCaller) -> None:
    printed = elsewhere.run("watch", "t1", "--output", "json")

    assert (printed.exit_code, printed.error_codes) == (8, ["millrace_not_found"])
    assert_published(SchemaName.RUN_RESULT, printed.document)
    assert elsewhere.run("watch").exit_code == 2


def test_an_item_is_queued_once_and_watched_to_its_end_by_its_requests_id(
    prepare: Callable[..., tuple[Workspace, OpsCaller]],
) -> None:
    workspace, caller = prepare()
    words = ("--request-id", "r-1", "--intake", "task")
    text = caller.run("submit", *words, stdin=b"Fix the header\n")
    again = published(caller.run("submit", *words, "--json", "Fix the header"))

    assert text.exit_code == again.exit_code == 0, text.stderr
    item_id = text.stdout.removesuffix("\n")
    assert (again.document["work_item_id"], again.document["found"]) == (item_id, True)
    assert f"millracer watch {item_id}" in text.stderr
    assert daemon_pid(workspace) is None
    assert len(list((workspace.agents / "tasks" / "queue").glob("*.md"))) == 1

    watched = caller.run("watch", "r-1", "--finalizer", "summary", "--output", "json")
    done = caller.run("watch", item_id, "--finalizer", "summary", "--output", "json")

    for ran in (watched, done):
        assert_published(SchemaName.RUN_RESULT, ran.document)
        assert (ran.exit_code, ran.document["work_item_id"]) == (0, item_id), ran.stderr
        assert ran.document["scoped_completion"] is True
    assert workspace.stages() == ["builder", "checker", "updater"]
    assert daemon_pid(workspace) is None
