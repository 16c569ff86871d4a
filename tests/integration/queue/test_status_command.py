"""`millracer status` for its callers: documents, lines, exit codes, and no changes."""

from __future__ import annotations

import json
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from millracer.schemas.names import SchemaName
from tests.support.ops_cli import OpsCaller, Printed, Running
from tests.support.ops_world import assert_published
from tests.support.workspace import Workspace

_LINE_SECONDS = 60


def published(printed: Printed) -> Printed:
    assert_published(SchemaName.STATUS_RESULT, printed.document)
    return printed


def next_line(running: Running) -> bytes:
    assert running.process.stdout is not None
    ready, _, _ = select.select([running.process.stdout], [], [], _LINE_SECONDS)
    assert ready, "no line came"
    return running.process.stdout.readline()


def test_a_directory_without_millrace_is_reported_and_left_alone(elsewhere: OpsCaller) -> None:
    before = set(elsewhere.cwd.iterdir())
    printed = published(elsewhere.run("status", "--json"))
    document = printed.document

    assert (printed.exit_code, printed.error_codes) == (8, ["millrace_not_found"])
    assert document["workspace"]["initialised"] is False
    assert document["workspace"]["rule"] == "cwd"
    assert [step["command"] for step in document["next_steps"]] == ["millracer setup"]
    assert set(elsewhere.cwd.iterdir()) - before <= {elsewhere.state}
    text = elsewhere.run("status")
    assert (text.exit_code, str(elsewhere.cwd) in text.stdout) == (8, True)


def test_the_files_on_disk_are_reported_where_millrace_is_missing(elsewhere: OpsCaller) -> None:
    queue = elsewhere.cwd / "millrace-agents" / "tasks" / "queue"
    queue.mkdir(parents=True)
    (queue / "t1.md").write_text("# Make it blue\n\nTask-ID: t1\n")

    printed = published(elsewhere.run("status", "--json"))

    assert printed.exit_code == 8
    assert printed.error_codes == ["millrace_not_found"]
    assert [item["work_item_id"] for item in printed.document["unfinished"]] == ["t1"]
    assert "next: " in printed.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--workspace", "/nowhere/at/all"), "invalid_request"), (("--no-such",), "usage")],
)
def test_wrong_use_is_a_document_too(
    elsewhere: OpsCaller, arguments: tuple[str, ...], code: str
) -> None:
    printed = published(elsewhere.run("status", "--json", *arguments))

    assert (printed.exit_code, printed.error_codes) == (2, [code])
    assert printed.document["errors"][0]["suggested_action"]
    assert elsewhere.run("status", *arguments).stdout == ""


def test_a_status_is_what_millrace_says_and_changes_nothing(
    prepare: Callable[..., tuple[Workspace, OpsCaller]], tmp_path: Path
) -> None:
    workspace, caller = prepare()
    before = sorted(path for path in workspace.root.rglob("*") if ".git" not in path.parts)
    printed = published(caller.run("status", "--json"))

    assert printed.exit_code == 0, printed.stderr
    document = printed.document
    assert document["status"]["process_running"] is False
    assert (document["daemon"]["state"], document["daemon"]["owner"]) == ("none", None)
    assert document["millrace_version"]
    assert sorted(path for path in workspace.root.rglob("*") if ".git" not in path.parts) == before


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_watch_prints_a_line_per_change_until_a_signal(
    elsewhere: OpsCaller, number: signal.Signals, exit_code: int
) -> None:
    with elsewhere.start("status", "--watch", "--json") as running:
        first = json.loads(next_line(running))
        queue = elsewhere.cwd / "millrace-agents" / "tasks" / "queue"
        queue.mkdir(parents=True)
        second = json.loads(next_line(running))
        running.send(number)
        ended = running.finish()

    assert ended.exit_code == exit_code, ended.stderr
    assert ended.stdout == ""
    for document in (first, second):
        assert_published(SchemaName.STATUS_RESULT, document)
    assert [each["workspace"]["initialised"] for each in (first, second)] == [False, True]


def test_a_watch_in_a_pipe_is_plain_and_ends_with_its_reader(elsewhere: OpsCaller) -> None:
    with elsewhere.start("status", "--watch") as running:
        line = next_line(running)
        assert running.process.stdout is not None
        running.process.stdout.close()
        running.process.stdout = None
        (elsewhere.cwd / "millrace-agents" / "tasks" / "queue").mkdir(parents=True)
        exit_code = running.process.wait(_LINE_SECONDS)
        running.process.communicate()

    assert b"\x1b" not in line
    assert b"no Millrace workspace yet" in line
    assert exit_code == 0
