"""Large inputs on the real tools: nothing is cut, and no step gives up."""

from __future__ import annotations

import json
from pathlib import Path

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
from millracer.domain.requests import IntakeKind
from millracer.millrace.intake.fields import decode_request
from millracer.millrace.intake.markdown import parse_document
from tests.support.cli import FORCED, Millracer, stored
from tests.support.ops_cli import DELEGATED, OpsCaller
from tests.support.workspace import Workspace, make_workspace

pytestmark = pytest.mark.slow

_MODEL = ("--provider", PROVIDER, "--model", MODEL_ID, "--no-default-skills")
#: 5 MB of lines, and a character that Millrace would take for the end of one.
_TASK = "Mend it.\n" + ("A line of a long request, é and all.\n" * 131_000) + "last\u2028\n- line"
_TASK_BYTES = 5_000_000
_WAITING = """\
# Wait

Task-ID: {item}
Title: Wait
Created-At: 2026-01-01T00:00:00Z
Created-By: tests

Target-Paths:
- .

Acceptance:
- Nothing.

Required-Checks:
- none

References:
- README.md

Risk:
- none

Depends-On:
- what-never-comes
"""


@pytest.fixture
def workspace(tmp_path: Path, millrace_command: str) -> Workspace:
    return make_workspace(tmp_path / "workspace", millrace_command)


def held_task(workspace: Workspace, item_id: str) -> str:
    """Return the text that Millrace's own copy of a task carries."""
    document = stored(workspace, item_id)
    assert document is not None
    assert document.parent.name == "done"
    text = document.read_text(encoding="utf-8")
    return decode_request(parse_document(text, IntakeKind.TASK).items("Acceptance"))


def test_a_task_of_five_megabytes_reaches_millrace_whole_and_is_done(
    workspace: Workspace, millrace_command: str
) -> None:
    assert len(_TASK.encode()) > 0.98 * _TASK_BYTES
    ran = Millracer(workspace, millrace_command).run(*FORCED, stdin=_TASK)

    assert ran.exit_code == 0, ran.stderr
    assert held_task(workspace, ran.result["work_item_id"]) == _TASK
    # Millrace names the item's file to its stages, so a prompt is as short as any.
    assert all(Path(call.prompt_path).stat().st_size < 10_000 for call in workspace.calls())


def test_a_task_of_five_megabytes_comes_by_ops_too(
    workspace: Workspace, millrace_command: str, tmp_path: Path
) -> None:
    caller = OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
    )
    place = {"root_path": str(workspace.root)}
    ran = caller.ask("enqueue", **{**DELEGATED, "workspace_ref": place, "input": {"text": _TASK}})

    assert ran.exit_code == 0, ran.stderr
    assert held_task(workspace, ran.document["raw_compat"]["work_item_id"]) == _TASK


@pytest.mark.parametrize("session", ["rpc", "print"])
def test_five_megabytes_go_to_pi_and_twenty_come_back(
    tmp_path: Path, pi_command: str, session: str
) -> None:
    answer = ("An answer's line, é and all.\n" * 690_000) + "end"
    asked: list[ModelRequest] = []

    def respond(request: ModelRequest) -> Reply:
        asked.append(request)
        return Reply.text(answer, chunk_size=len(answer) // 4)

    with ScriptedModel(respond) as model:
        write_agent_directory(tmp_path / "agent", model.base_url)
        environment = agent_environment(tmp_path / "agent", tmp_path)
        place = Workspace(
            root=tmp_path, scenario_path=tmp_path / "none", log_path=tmp_path / "none"
        )
        ran = Millracer(place, "no-millrace-is-needed", pi_command, environment).run(
            *_MODEL, "--route", "direct", "--pi-session", session, stdin=_TASK
        )

    assert ran.result["output"] == answer
    assert ran.exit_code == 0, ran.stderr
    assert [_TASK in request.last_user_text for request in asked] == [True]


def test_a_task_behind_hundreds_that_wait_is_done_however_long_its_daemon_is_silent(
    workspace: Workspace, millrace_command: str
) -> None:
    for number in range(150):
        item = f"waits-{number:04}"
        document = workspace.agents / "tasks" / "queue" / f"{item}.md"
        document.write_text(_WAITING.format(item=item), encoding="utf-8")

    ran = Millracer(workspace, millrace_command).delegate("Mend the widget")

    assert ran.exit_code == 0, ran.stderr
    assert ran.result["restarts"] == 0
    assert (
        json.loads(
            Millracer(workspace, millrace_command).millrace_says("status", "--format", "json")
        )["execution_queue_depth"]
        == 150
    )
    assert workspace.stages(ran.result["work_item_id"]) == ["builder", "checker", "updater"]
