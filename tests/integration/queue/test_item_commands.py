"""`list`, `show`, `logs`, `trace`, `retry`, `start` and `watch --all` on the real Millrace."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from millracer.schemas.names import SchemaName
from tests.support.cli import daemon_pid
from tests.support.ops_cli import OpsCaller, Printed
from tests.support.ops_world import assert_published
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace

Prepare = Callable[..., tuple[Workspace, OpsCaller]]

_BLOCKED = Scenario(
    {
        "builder": (Step(marker="BLOCKED"), Step()),
        "troubleshooter": (Step(marker="BLOCKED"),),
        "consultant": (Step(marker="BLOCKED"),),
    }
)


def published(schema: SchemaName, printed: Printed) -> Printed:
    assert_published(schema, printed.document)
    return printed


def submit(caller: OpsCaller, request_id: str, task: str) -> str:
    printed = caller.run("submit", "--request-id", request_id, "--intake", "task", task)
    assert printed.exit_code == 0, printed.stderr
    return printed.stdout.strip()


def test_each_view_of_items_fits_a_terminal(prepare: Prepare) -> None:
    _, caller = prepare(Scenario())
    submit(caller, "r-1", "Fix the header of every page that a visitor of the shop can see " * 3)
    assert caller.run("watch", "--all", "--json").exit_code == 0

    for command in ("list", "list --all-workspaces", "status", "show r-1", "logs r-1"):
        exit_code, shown = caller.show(*command.split())
        assert exit_code == 0, shown
        # A path is one word, and a source is a command: neither is broken.
        wide = [
            line
            for line in shown.splitlines()
            if len(line) > 80 and len(line.split()) > 2 and not line.strip().startswith("(")
        ]
        assert wide == [], command
    exit_code, shown = caller.show("list")
    (short,) = re.findall(r"fix-the-header-\S+-[0-9a-f]{8}(?![0-9a-f])", shown)
    for command in ("show", "logs", "trace", "diff", "retry", "cancel", "watch"):
        exit_code, shown = caller.show(command, short)
        assert exit_code == 0 or "ended already" in shown or "is done" in shown, shown


def test_a_blocked_item_is_found_understood_retried_and_done(prepare: Prepare) -> None:
    workspace, caller = prepare(_BLOCKED)
    item_id = submit(caller, "r-1", "Fix the header")
    blocked = caller.run("watch", "--all", "--json")
    assert (blocked.exit_code, blocked.document["all_completed"]) == (4, False)
    published(SchemaName.WATCH_ALL_RESULT, blocked)

    listed = published(SchemaName.LIST_RESULT, caller.run("list", "--state", "blocked", "--json"))
    assert [each["work_item_id"] for each in listed.document["items"]] == [item_id]
    shown = published(SchemaName.ITEM_RESULT, caller.run("show", "r-1", "-o", "json"))
    item = shown.document["item"]
    assert (item["state"], item["task"], item["scoped_completion"]) == (
        "blocked",
        "Fix the header",
        False,
    )
    assert [each["stage"] for each in item["stages"]] == ["builder", "troubleshooter", "consultant"]
    (advice,) = (each for each in shown.document["next_steps"] if each["action"] == "retry")
    assert advice["command"].startswith(f"millracer retry {item_id} ")

    assert caller.run("retry", item_id[:8], "--json").document["outcome"] == "done"
    done = caller.run("watch", "--all", "--json")
    assert (done.exit_code, done.document["all_completed"]) == (0, True)
    assert daemon_pid(workspace) is None

    traced = published(SchemaName.TRACE_RESULT, caller.run("trace", "r-1", "--json"))
    assert traced.document["state"] == "done"
    assert len(traced.document["runs"]) == 2
    logs = published(SchemaName.LOGS_RESULT, caller.run("logs", "r-1", "--json"))
    stages = [each["stage"]["stage"] for each in logs.document["stages"]]
    assert stages[-3:] == ["builder", "checker", "updater"]
    followed = caller.run("logs", "r-1", "--follow", "--stage", "updater")
    assert followed.exit_code == 0
    assert "UPDATE_COMPLETE" in followed.stdout
    assert "\x1b" not in followed.stdout


def test_a_started_daemon_works_the_queue_until_it_is_stopped(prepare: Prepare) -> None:
    workspace, caller = prepare()
    submit(caller, "r-1", "Fix the header")
    submit(caller, "r-2", "Fix the footer")
    started = published(SchemaName.CONTROL_RESULT, caller.run("start", "--json"))
    try:
        assert (started.exit_code, started.document["outcome"]) == (0, "done")
        assert caller.run("start", "--json").document["outcome"] == "already"
        assert caller.run("retry", "r-1", "--json").exit_code in {0, 3}
        watched = caller.run("watch", "--all", "--json")
        assert watched.exit_code == 0, watched.stderr
        assert daemon_pid(workspace) is not None
    finally:
        stopped = caller.run("stop", "--json")
    assert stopped.document["outcome"] == "done"
    states = {each["state"] for each in caller.run("list", "--json").document["items"]}
    assert states == {"done"}


def test_a_registered_id_works_where_a_workspace_is_taken(prepare: Prepare) -> None:
    workspace, caller = prepare()
    submit(caller, "r-1", "Fix the header")
    caller.run("workspaces", "add", str(workspace.root), "--id", "shop")
    elsewhere = workspace.root.parent
    caller = replace(caller, cwd=elsewhere)
    commands = ("list", "status", "pause", "resume", "stop")

    for command in commands:
        printed = caller.run(command, "-w", "shop", "--json")
        assert printed.exit_code == 0, (command, printed.stderr)
    listed = caller.run("list", "-w", "shop", "--json")
    assert listed.document["items"][0]["workspace_id"] == "shop"

    (elsewhere / "shop").mkdir()
    shadowed = caller.run("status", "-w", "shop", "--json")
    assert shadowed.document["workspace"]["root_path"] == str(elsewhere / "shop")
    assert [each["code"] for each in shadowed.document["warnings"]] == ["workspace_id_shadowed"]


@pytest.mark.parametrize(
    ("command", "schema", "code"),
    [
        (("show", "t1"), SchemaName.ITEM_RESULT, "millrace_not_found"),
        (("logs", "t1", "--follow"), SchemaName.LOGS_RESULT, "millrace_not_found"),
        (("trace",), SchemaName.TRACE_RESULT, "usage"),
        (("list", "--state", "gone"), SchemaName.LIST_RESULT, "usage"),
        (("list", "-w", "nowhere"), SchemaName.LIST_RESULT, "invalid_request"),
        (("retry", " "), SchemaName.CONTROL_RESULT, "usage"),
        (("start",), SchemaName.CONTROL_RESULT, "millrace_not_found"),
        (("watch", "--all"), SchemaName.WATCH_ALL_RESULT, "millrace_not_found"),
        (("watch", "t1", "--all"), SchemaName.WATCH_ALL_RESULT, "usage"),
    ],
)
def test_every_refusal_is_a_document_with_a_next_step(
    elsewhere: OpsCaller, command: tuple[str, ...], schema: SchemaName, code: str
) -> None:
    printed = published(schema, elsewhere.run(*command, "--json"))

    exit_code = 8 if code == "millrace_not_found" else 2
    assert (printed.exit_code, printed.error_codes) == (exit_code, [code])
    assert "next: " in printed.stderr
    assert elsewhere.run(*command).stdout == ""


def test_help_and_version_are_commands_too(elsewhere: OpsCaller) -> None:
    assert elsewhere.run("version").stdout == elsewhere.run("-V").stdout
    assert elsewhere.run("help", "status").stdout == elsewhere.run("status", "-h").stdout
    assert elsewhere.run("help").stdout == elsewhere.run("--help").stdout
    assert elsewhere.run("help", "no-such").exit_code == 2


def test_selecting_a_workspace_is_one_sentence_and_a_lost_mode_is_reported(
    elsewhere: OpsCaller,
) -> None:
    elsewhere.run("workspaces", "add", ".", "--id", "shop")
    first = elsewhere.run("workspaces", "select", "shop", "--mode", "lad_pi")
    second = elsewhere.run("workspaces", "select", "shop")

    assert len(first.stdout.splitlines()) == len(second.stdout.splitlines()) == 1
    assert "lad_pi" in first.stdout
    assert "mode_cleared" in second.stderr
    assert elsewhere.run("workspaces", "add", ".", "--default").exit_code == 2
