"""`cancel`, `pause`, `resume` and `stop` as they are met: one line, one document, an exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from millracer.schemas.names import SchemaName
from tests.support.cli import daemon_pid, wait_until
from tests.support.ops_cli import OpsCaller, Printed
from tests.support.ops_world import assert_published
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace

_WATCH = ("watch", "r-1", "--finalizer", "summary", "--output", "json")
Prepare = Callable[..., tuple[Workspace, OpsCaller]]


def published(printed: Printed) -> Printed:
    assert_published(SchemaName.CONTROL_RESULT, printed.document)
    return printed


def ended(printed: Printed) -> tuple[int, str]:
    return printed.exit_code, published(printed).document["outcome"]


@pytest.mark.parametrize(
    ("command", "code", "exit_code"),
    [
        (("cancel", "t1"), "millrace_not_found", 8),
        (("cancel",), "usage", 2),
        (("cancel", " "), "usage", 2),
        (("cancel", "t1", "--reason", " "), "usage", 2),
        (("pause",), "millrace_not_found", 8),
        (("resume",), "millrace_not_found", 8),
        (("stop", "--no-such"), "usage", 2),
        (("stop", "--workspace", "/nowhere/at/all"), "invalid_request", 2),
    ],
)
def test_every_refusal_is_a_document_with_a_next_step(
    elsewhere: OpsCaller, command: tuple[str, ...], code: str, exit_code: int
) -> None:
    printed = published(elsewhere.run(*command, "--json"))

    assert (printed.exit_code, printed.error_codes) == (exit_code, [code])
    assert printed.document["command"] == command[0]
    assert "next: " in printed.stderr
    assert elsewhere.run(*command).stdout == ""


def test_stopping_where_nothing_runs_is_fine_and_leaves_nothing(elsewhere: OpsCaller) -> None:
    printed = elsewhere.run("stop")

    assert (printed.exit_code, printed.stdout) == (0, "no daemon runs\n")
    assert not (elsewhere.cwd / ".millracer").exists()


def test_control_characters_of_a_reason_do_not_change_the_output(prepare: Prepare) -> None:
    _, caller = prepare()
    caller.run("submit", "--request-id", "r-1", "--intake", "task", "Fix it")
    reason = ("--reason", "not\nneeded\r\nby \x1b[31mus")

    printed = [caller.run("cancel", "r-1", *reason) for _ in range(2)]

    assert [len(each.stdout.splitlines()) for each in printed] == [1, 1]
    assert all(each.stdout[:-1].isprintable() for each in printed)
    assert "needed" in printed[1].stdout

    watched = caller.run("watch", "r-1")
    assert "needed" in watched.stdout + watched.stderr
    assert "\x1b" not in watched.stdout + watched.stderr


def test_without_a_daemon_millrace_does_it_at_once(prepare: Prepare) -> None:
    workspace, caller = prepare()
    caller.run("submit", "--request-id", "r-1", "--intake", "task", "Fix it")

    assert ended(caller.run("pause", "--json")) == (0, "done")
    assert len(caller.run("pause").stdout.splitlines()) == 1
    assert ended(caller.run("resume", "--json")) == (0, "done")
    first, second = (caller.start("cancel", "r-1", "--json") for _ in range(2))
    both = [each.finish() for each in (first, second)]
    assert {printed.exit_code for printed in both} == {0}, [each.stderr for each in both]
    assert {published(printed).document["state"] for printed in both} == {"cancelled"}
    assert "done" in {printed.document["outcome"] for printed in both}
    assert len(list((workspace.agents / "tasks" / "queue" / "cancelled").glob("*.md"))) == 1
    again = caller.run("submit", "--request-id", "r-1", "--json", "Fix it")
    assert (again.exit_code, again.document["state"]) == (3, "cancelled")


@pytest.mark.slow
def test_beside_a_run_that_watches_every_command_is_truthful(prepare: Prepare) -> None:
    workspace, caller = prepare(Scenario({"builder": (Step(seconds=120),)}))
    for name in ("r-1", "r-2"):
        caller.run("submit", "--request-id", name, "--intake", "task", "Fix it")
    with caller.start(*_WATCH) as watching:
        wait_until(lambda: bool(workspace.stages()), "a stage")

        assert ended(caller.run("pause", "--json")) == (0, "done")
        assert ended(caller.run("resume", "--json")) == (0, "done")
        assert ended(caller.run("cancel", "r-1", "--json")) == (4, "not_possible")
        assert ended(caller.run("cancel", "r-2", "--json")) == (7, "not_confirmed")
        refused = published(caller.run("stop", "--json"))
        assert (refused.exit_code, refused.error_codes) == (2, ["daemon_in_use"])
        assert daemon_pid(workspace) is not None

        assert ended(caller.run("stop", "--force", "--json")) == (0, "done")
        watched = watching.finish()

    assert (watched.exit_code, watched.document["outcome"]) == (5, "restart_needed")
    assert watched.document["restarts"] == 0
    assert daemon_pid(workspace) is None
    assert ended(caller.run("cancel", "r-1", "--json")) == (0, "done")
    assert ended(caller.run("stop", "--json")) == (0, "already")


@pytest.mark.slow
def test_a_kept_daemon_is_stopped_without_force_and_takes_a_cancel(prepare: Prepare) -> None:
    workspace, caller = prepare()
    caller.run("submit", "--request-id", "r-1", "--intake", "task", "Fix it")
    kept = caller.run(*_WATCH, "--keep-daemon")
    assert kept.exit_code == 0, kept.stderr
    try:
        status = caller.run("status", "--json").document["daemon"]
        assert (status["state"], status["owner"], status["watched"]) == ("runs", "kept", False)
        caller.run("pause")
        added = caller.run("submit", "--request-id", "r-2", "--intake", "task", "--json", "More")
        assert added.document["state"] == "queued"
        assert ended(caller.run("cancel", "r-2", "--json")) == (0, "done")
    finally:
        stopped = caller.run("stop", "--json")
    assert ended(stopped) == (0, "done")
    assert daemon_pid(workspace) is None


@pytest.mark.slow
def test_a_cancel_that_is_interrupted_says_so_and_leaves_nothing_running(prepare: Prepare) -> None:
    workspace, caller = prepare(Scenario({"builder": (Step(seconds=120),)}))
    for name in ("r-1", "r-2"):
        caller.run("submit", "--request-id", name, "--intake", "task", "Fix it")
    with caller.start(*_WATCH) as watching:
        wait_until(lambda: bool(workspace.stages()), "a stage")
        with caller.start("cancel", "r-2", "--json") as waiting:
            mailbox = workspace.agents / "state" / "mailbox"
            wait_until(lambda: any(mailbox.rglob("cancel_work_item*")), "a command")
            waiting.send(signal.SIGTERM)
            printed = published(waiting.finish())
        caller.run("stop", "--force")
        watching.finish()

    assert (printed.exit_code, printed.error_codes) == (143, ["cancelled"])
    assert printed.document["outcome"] == "not_confirmed"
