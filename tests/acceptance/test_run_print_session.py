"""`millracer run --pi-session print`: every turn of the real pi is a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.run.prompts import DECISION_MARK, DIRECT_MARK, REPORT_MARK
from tests.support.cli import Millracer
from tests.support.scenario import Scenario
from tests.support.workspace import make_workspace

MODEL = ("--provider", "scripted", "--model", "scripted-model")


@contextmanager
def prepared(
    folder: Path, millrace: str, pi: str, respond: Callable[[ModelRequest], Reply]
) -> Iterator[tuple[Millracer, ScriptedModel]]:
    workspace = make_workspace(folder / "workspace", millrace, Scenario())
    with ScriptedModel(respond) as model:
        write_agent_directory(folder / "agent", model.base_url)
        yield Millracer(workspace, millrace, pi, agent_environment(folder / "agent", folder)), model


def marks(model: ScriptedModel) -> list[str]:
    """Return what each request to the model was about, however many users' words it held."""
    return [
        mark
        for request in model.requests
        for mark in (DECISION_MARK, DIRECT_MARK, REPORT_MARK)
        if mark in json.dumps(request.messages)
    ]


def test_a_direct_answer_with_a_process_a_turn(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    def respond(request: ModelRequest) -> Reply:
        if DECISION_MARK in request.last_user_text:
            return Reply.text('{"decision": "direct", "why": "a question"}')
        return Reply.text("Forty-two.")

    with prepared(tmp_path, millrace_command, pi_command, respond) as (millracer, model):
        ran = millracer.run(*MODEL, "--pi-session", "print", "--", "-@What is it?")

        assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
        assert ran.result["output"] == "Forty-two."
        assert ran.result["route"] == "direct"
        assert ran.result["versions"]["pi"]
        assert marks(model) == [DECISION_MARK, DIRECT_MARK]
        assert all("-@What is it?" in request.last_user_text for request in model.requests)


@pytest.mark.slow
def test_a_delegated_task_with_a_process_a_turn(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    def respond(request: ModelRequest) -> Reply:
        if DECISION_MARK in request.last_user_text:
            return Reply.text('{"decision": "millrace", "intake_kind": "task", "why": "work"}')
        return Reply.text("It was done and proven.")

    with prepared(tmp_path, millrace_command, pi_command, respond) as (millracer, model):
        millracer.environment = {**millracer.environment, "MILLRACER_PI_SESSION": "print"}
        ran = millracer.run(*MODEL, "Do the work")

        assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
        assert ran.result["output"] == "It was done and proven."
        assert ran.result["route"] == "millrace"
        assert ran.result["scoped_completion"] is True
        assert ran.result["warnings"] == []
        assert marks(model) == [DECISION_MARK, REPORT_MARK]
        assert "Do the work" in model.requests[1].last_user_text
