"""`millracer operator` on a real terminal with the real pi, the real Millrace, a scripted model."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from millracer.demo.scripted_model import (
    MODEL_ID,
    PROVIDER,
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.run.prompts import DECISION_MARK, DIRECT_MARK, REPORT_MARK
from tests.support.cli import daemon_pid, stored
from tests.support.operator_cli import (
    ALT_ENTER,
    CTRL_C,
    CTRL_D,
    ENTER,
    PASTE_BEGINS,
    PASTE_ENDS,
    OperatorCaller,
    Terminal,
    gone,
    wait_for,
)
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

#: The changed files, the tokens and the time; the terminal may wrap them.
FACTS = (
    r"(\s+·\s+(no\s+file|\d+\s+files?)\s+changed[^·]*?)?(\s+·\s+[^·]+?\s+tokens)?\s+·\s+[\d.]+\s+s"
)
DIRECTLY = rf"completed · [^·\n]+{FACTS}"
DELEGATED = rf"completed · task done, updater UPDATE_COMPLETE{FACTS}"
CANCELLED = rf"cancelled · the item stays in Millrace: queued{FACTS}"
TO_CONTINUE = r"to continue:[^\n/]*/watch ([\w-]+)"
#: A stage that lasts until the test ends it.
ENDLESS = Scenario({"builder": (Step(seconds=300), Step())})


def respond(request: ModelRequest) -> Reply:
    """Do a task directly when it says so; `endlessly` streams until it is aborted."""
    text = request.last_user_text
    if text.startswith(DECISION_MARK):
        route = "direct" if "directly" in text else "millrace"
        return Reply.text(json.dumps({"decision": route, "intake_kind": "task", "why": "said so"}))
    if text.startswith(REPORT_MARK):
        return Reply.text("Millrace did it.")
    if "endlessly" in text and text.startswith(DIRECT_MARK):
        return Reply.text("word word\n\n" * 1000, chunk_size=5, delay_seconds=0.05)
    return Reply.text("pi did it.")


@dataclass(frozen=True, slots=True)
class Site:
    """One workspace, its model, and how an operator is called in it."""

    workspace: Workspace
    model: ScriptedModel
    caller: OperatorCaller

    def directs(self) -> list[ModelRequest]:
        """Return what the model was asked to do itself."""
        return [
            request
            for request in self.model.requests
            if request.last_user_text.startswith(DIRECT_MARK)
        ]

    def at_rest(self) -> bool:
        """Whether neither a daemon nor a stage runs here."""
        daemon = daemon_pid(self.workspace)
        stages = [call.pid for call in self.workspace.calls()]
        return all(gone(pid) for pid in [*stages, *([] if daemon is None else [daemon])])


@pytest.fixture
def prepare(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> Iterator[Callable[[Scenario], Site]]:
    """Prepare a workspace whose stages play a scenario."""
    with ScriptedModel(respond) as model:
        write_agent_directory(tmp_path / "agent", model.base_url)

        def build(scenario: Scenario) -> Site:
            workspace = make_workspace(tmp_path / "shop", millrace_command, scenario)
            caller = OperatorCaller(
                cwd=tmp_path,
                state=tmp_path / "state",
                options=(
                    *("--provider", PROVIDER, "--model", MODEL_ID),
                    *("--pi-command", pi_command, "--millrace-command", millrace_command),
                ),
                environment=agent_environment(tmp_path / "agent", tmp_path),
            )
            return Site(workspace, model, caller)

        yield build


def begin_endless(site: Site, terminal: Terminal) -> None:
    """Delegate a task and wait until its first stage runs."""
    terminal.type("Build it" + ENTER)
    wait_for(lambda: "builder" in site.workspace.stages(), "the builder starts")
    terminal.says("builder")


@pytest.mark.ending
def test_a_day_in_one_conversation_and_the_same_place_the_next_morning(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario())
    with site.caller.terminal() as terminal:
        terminal.prompts()
        terminal.enter("/workspace shop", "workspace .*shop")
        said = terminal.enter("Say hello directly", "pi did it.", DIRECTLY)
        (pi,) = terminal.pis
        assert "warning" not in said

        said = terminal.enter("Build the widget", "updater ended", "Millrace did it.", DELEGATED)
        assert re.findall(r"\d:\d\d  (\w+) ended (\w+)\n", said) == [
            ("builder", "BUILDER_COMPLETE"),
            ("checker", "CHECKER_PASS"),
            ("updater", "UPDATE_COMPLETE"),
        ]
        terminal.enter("And hello again directly", DIRECTLY)

        assert terminal.pis == [pi]
        earlier = json.dumps(site.directs()[-1].messages)
        assert "Say hello directly" in earlier
        assert "Build the widget" in earlier
        assert "Millrace did it." in earlier
        terminal.enter("/mode learning_pi", "mode learning_pi")
        assert terminal.leave(CTRL_D) == 0
    assert gone(pi)
    assert site.at_rest()

    with site.caller.terminal() as terminal:
        said = " ".join(terminal.prompts().split())
        assert f"workspace {site.workspace.root} · mode learning_pi" in said
        said = terminal.enter("/status", r"queue\W[^\n]*execution")
        assert re.search(r"daemon +none runs", said)
        assert terminal.leave("/exit" + ENTER) == 0


def test_ctrl_c_leaves_a_delegated_item_safely_and_resume_completes_it(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(ENDLESS)
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        begin_endless(site, terminal)

        terminal.type(CTRL_C)

        terminal.says(CANCELLED)
        terminal.child.expect(TO_CONTINUE)
        item_id = terminal.child.match.group(1)
        terminal.prompts()
        assert site.at_rest()
        kept = stored(site.workspace, item_id)
        assert kept is not None
        assert kept.parent.name == "queue"
        assert item_id in terminal.enter("/watch", "/watch ID")

        terminal.enter(f"/watch {item_id}", DELEGATED)

        assert stored(site.workspace, item_id).parent.name == "done"
        assert site.workspace.stages(item_id) == ["builder", "builder", "checker", "updater"]
        assert terminal.leave() == 0
    assert site.at_rest()


def test_a_killed_pi_is_noticed_and_the_session_continues(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario())
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        terminal.enter("Say hello directly", DIRECTLY)
        (first,) = terminal.pis
        psutil.Process(first).kill()
        wait_for(lambda: gone(first), "pi is gone")

        terminal.enter("Say it again directly", "pi did it.", r"warning:\S* pi_restarted", DIRECTLY)

        (second,) = terminal.pis
        assert second != first
        terminal.type("Stream endlessly and directly" + ENTER)
        terminal.says("word word")
        psutil.Process(second).kill()
        said = terminal.says("error:", "failed · ")
        assert "pi" in said
        assert "Traceback" not in said
        terminal.prompts()

        terminal.enter("Once more directly", "pi did it.", r"warning:\S* pi_restarted", DIRECTLY)

        assert terminal.leave() == 0


@pytest.mark.slow
def test_a_pi_that_is_killed_in_a_delegated_run_does_not_hold_it_up(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario(default=Step(seconds=1)))
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        terminal.type("Build it" + ENTER)
        terminal.says("builder")
        (pi,) = terminal.pis
        psutil.Process(pi).kill()

        terminal.says("completed · task done")
        terminal.prompts()

        terminal.enter("Say hello directly", "pi did it.", DIRECTLY)
        assert terminal.leave() == 0


@pytest.mark.slow
def test_ctrl_c_while_pi_streams_aborts_it_and_keeps_the_conversation(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario())
    with site.caller.terminal("--workspace", "shop") as terminal:
        terminal.prompts()
        terminal.type("Stream endlessly and directly" + ENTER)
        terminal.says("word word")
        (pi,) = terminal.pis

        terminal.type(CTRL_C)

        assert "error" not in terminal.says(rf"cancelled{FACTS}")
        terminal.prompts()
        terminal.enter("Say hello directly", "pi did it.", DIRECTLY)
        assert terminal.pis == [pi]
        assert "Stream endlessly" in json.dumps(site.directs()[-1].messages)
        assert terminal.leave() == 0


@pytest.mark.slow
def test_a_second_ctrl_c_stops_at_once_and_leaves_nothing_running(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario({"builder": (Step(seconds=300, deaf=True), Step())}))
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        begin_endless(site, terminal)
        (builder,) = [call.pid for call in site.workspace.calls() if call.phase == "started"]

        terminal.type(CTRL_C)
        terminal.says("finalize")
        terminal.type(CTRL_C)

        terminal.says(r"cancelled · .*[\d.]+ s")
        terminal.prompts()
        wait_for(lambda: gone(builder), "the stage is gone")
        wait_for(site.at_rest, "the daemon is gone")
        assert "queued" in terminal.enter("/watch", "/watch ID")
        assert terminal.leave() == 0


@pytest.mark.slow
def test_ctrl_c_at_the_prompt_clears_the_line(prepare: Callable[[Scenario], Site]) -> None:
    site = prepare(Scenario())
    with site.caller.terminal("--workspace", "shop") as terminal:
        terminal.prompts()
        terminal.type("Delete everything directly")
        terminal.says("everything directly")
        terminal.type(CTRL_C)
        terminal.prompts()

        terminal.enter("Say hello directly", DIRECTLY)

        assert "Delete" not in json.dumps(site.directs()[-1].messages)
        assert terminal.leave() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(f"{PASTE_BEGINS}Do directly:\n  first\n\n  second{PASTE_ENDS}", id="pasted"),
        pytest.param(
            f"Do directly:{ALT_ENTER}  first{ALT_ENTER}{ALT_ENTER}  second", id="Alt-Enter"
        ),
    ],
)
def test_a_block_of_lines_arrives_as_one_task(
    prepare: Callable[[Scenario], Site], typed: str
) -> None:
    site = prepare(Scenario())
    with site.caller.terminal("--workspace", "shop") as terminal:
        terminal.prompts()
        terminal.type(typed)

        terminal.enter("", DIRECTLY)

        (request,) = site.directs()
        assert re.search(
            r"^\W*Do directly:\n\W*first\n\W*\n?\W*second$", request.last_user_text, re.MULTILINE
        )
        assert terminal.leave() == 0


@pytest.mark.slow
def test_what_is_typed_while_millrace_works_comes_to_the_next_prompt(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario(default=Step(seconds=1)))
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        terminal.type("Build it" + ENTER)
        terminal.says("builder")
        terminal.type("Say what you saw directly")

        said = terminal.says(DELEGATED)
        assert "what you saw" not in said
        terminal.prompts()
        terminal.says("what you saw directly")

        terminal.enter("", "pi did it.", DIRECTLY)
        assert terminal.leave() == 0


@pytest.mark.slow
def test_a_terminal_that_is_closed_in_a_run_leaves_nothing_running_and_loses_nothing(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(ENDLESS)
    with site.caller.terminal("--workspace", "shop", columns=120) as terminal:
        terminal.prompts()
        begin_endless(site, terminal)
        process = terminal.process
        (pi,) = terminal.pis

        os.kill(terminal.child.pid, signal.SIGHUP)

        wait_for(lambda: gone(process.pid), "the session ends")
        assert gone(pi)
        assert site.at_rest()
        (task,) = (site.workspace.agents / "tasks" / "queue").glob("*.md")
        assert task.name.startswith("build-it")


@pytest.mark.slow
def test_a_blocked_item_is_shown_with_the_way_to_free_it(
    prepare: Callable[[Scenario], Site], millrace_command: str
) -> None:
    blocked = (Step(marker="BLOCKED"),)
    site = prepare(Scenario(dict.fromkeys(("builder", "troubleshooter", "consultant"), blocked)))
    with site.caller.terminal("--workspace", "shop", columns=200) as terminal:
        terminal.prompts()

        said = terminal.enter("Build it", "blocked · ", "and then: /watch build-it")

        assert "to try again: /retry build-it" in said
        assert "Build it" in terminal.enter("/status", r"blocked\W[^\n]*build-it")
        assert terminal.leave() == 0


@pytest.mark.slow
def test_piped_tasks_share_the_conversation_and_report_how_they_ended(
    prepare: Callable[[Scenario], Site],
) -> None:
    site = prepare(Scenario())

    ended = site.caller.pipe(
        "Say hello directly\n\nBuild it\n/status\n", "--workspace", "shop", "--session-id", "piped"
    )

    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("pi did it.\nMillrace did it.\n")
    assert re.search(r"daemon +none runs", ended.stdout)
    assert re.search(DELEGATED, ended.stderr)
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "Say hello directly" in json.dumps(site.model.requests[-1].messages)
    assert site.at_rest()
