"""What `millracer models` reports and changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.models import AgentModels, Credentials, Model
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import ModelsRequest
from millracer.domain.workspaces import LOCAL_SESSION, Resolution, ResolutionRule
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, SelectedWorkspace
from millracer.operations.options import OptionLayers
from millracer.operations.registry import perform
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.models import ModelsResult
from millracer.testing.agent import SCRIPTED_MODEL, ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from tests.fakes.store import InMemorySessionStore
from tests.fakes.tools import ScriptedTools

RESOLUTION = Resolution(rule=ResolutionRule.CLI_WORKSPACE, root_path="/workspace")
OTHER = Model(provider="scripted", model_id="other")


def answer(
    millrace: ScriptedBackend,
    request: ModelsRequest | None = None,
    pi: ScriptedAgent | None = None,
    **options: str,
) -> Answer[ModelsResult]:
    context = OperationContext(
        tools=ScriptedTools(backends=millrace, pi=pi or agent()),
        memory=SessionMemory(InMemorySessionStore()),
        options=OptionLayers(given=options),
        clock=FrozenClock(),
        cancellation=Cancellation(),
        find_workspace=lambda: SelectedWorkspace(root_path="/workspace", resolution=RESOLUTION),
        new_identity=lambda: "u",
        session_id=LOCAL_SESSION,
    )
    return perform(OperationName.MODELS, request or ModelsRequest(), context)


def agent() -> ScriptedAgent:
    pi = ScriptedAgent()
    pi.models = AgentModels(selected=SCRIPTED_MODEL, usable=(SCRIPTED_MODEL, OTHER))
    return pi


def sets(*choices: str, **more: bool) -> ModelsRequest:
    return ModelsRequest(choices=choices, **more)


def models_of(result: ModelsResult) -> dict[str, str]:
    return {each.alias: f"{each.model}:{each.thinking}" for each in result.aliases}


def test_the_model_of_pi_and_of_each_stage_is_reported() -> None:
    millrace = ScriptedBackend()
    millrace.models.uses("gpt-5.5", "deep")

    done = answer(millrace)

    result = done.result
    assert done.exit_code is ExitCode.COMPLETED
    assert result.mode == "lad_pi"
    assert result.outer is not None
    assert (result.outer.provider, result.outer.model) == ("scripted", "model")
    assert (result.outer.credentials, result.outer.origin) == (True, "pi")
    stages = {each.stage: each for each in result.stages}
    assert stages["builder"].credentials is Credentials.YES
    assert (stages["builder"].provider, stages["builder"].model) == ("scripted", "model")
    assert stages["arbiter"].credentials is Credentials.NO
    assert (stages["arbiter"].name, stages["arbiter"].alias) == ("gpt-5.5", "deep")
    assert result.available == ["scripted/model", "scripted/other"]
    (step,) = result.next_steps
    assert step.command == "millracer models set scripted/model --workspace /workspace"
    assert "set_stage_models" not in millrace.calls


def test_the_origin_of_pis_model_is_the_option_that_names_it() -> None:
    outer = answer(ScriptedBackend(), model="scripted/other").result.outer

    assert outer is not None
    assert outer.origin == "option"


def test_stages_of_another_program_are_named_and_not_checked() -> None:
    millrace = ScriptedBackend()
    millrace.models.uses("gpt-5.5", runner="/opt/own-pi")

    (first, *_) = answer(millrace).result.stages

    assert (first.runner, first.credentials) == ("/opt/own-pi", None)


def test_the_models_of_a_running_daemon_are_read_and_not_compiled() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    assert answer(millrace).result.stages
    assert millrace.validated == []


def test_a_new_directory_is_not_initialised_and_says_what_its_stages_will_get() -> None:
    millrace = ScriptedBackend(is_initialised=False)

    result = answer(millrace).result

    assert (result.mode, result.stages) == (None, [])
    assert result.new_stage_model == "scripted/model"
    assert answer(millrace, stage_model="scripted/other").result.new_stage_model == str(OTHER)
    assert not millrace.is_initialised


def test_all_aliases_or_the_named_ones_get_a_model_and_keep_their_thinking_level() -> None:
    millrace = ScriptedBackend()

    changed = answer(millrace, sets("scripted/other")).result.changed
    result = answer(millrace, sets("deep=scripted/model:low")).result

    assert [each.alias for each in changed] == ["deep", "fast", "standard"]
    assert [each.alias for each in result.changed] == ["deep"]
    assert models_of(result) == {
        "deep": "scripted/model:low",
        "fast": "scripted/other:high",
        "standard": "scripted/other:medium",
    }
    assert {each.model for each in result.stages} == {"model", "other"}


def test_the_stages_can_follow_pi() -> None:
    millrace, pi = ScriptedBackend(), agent()
    assert isinstance(pi.models, AgentModels)
    pi.models = replace(pi.models, selected=OTHER)

    result = answer(millrace, sets(follow_pi=True), pi).result

    assert {each.model for each in result.aliases} == {str(OTHER)}


def test_nothing_is_written_where_nothing_changes_even_beside_a_daemon() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    result = answer(millrace, sets("scripted/model")).result

    assert (result.errors, result.changed) == ([], [])
    assert "set_stage_models" not in millrace.calls


@pytest.mark.parametrize(
    ("request_", "code", "exit_code"),
    [
        (sets("nowhere/none"), "stage_model_unavailable", ExitCode.FAILED),
        (sets("none"), "invalid_request", ExitCode.USAGE),
        (sets("="), "invalid_request", ExitCode.USAGE),
        (sets("nobody=scripted/model"), "invalid_request", ExitCode.USAGE),
    ],
)
def test_a_model_that_cannot_be_set_is_refused_and_nothing_changes(
    request_: ModelsRequest, code: str, exit_code: ExitCode
) -> None:
    millrace = ScriptedBackend()

    done = answer(millrace, request_)

    assert [error.code for error in done.result.errors] == [code]
    assert done.exit_code is exit_code
    assert done.result.errors[0].suggested_action
    assert "set_stage_models" not in millrace.calls


def test_a_model_without_credentials_can_be_set_without_the_check() -> None:
    result = answer(ScriptedBackend(), sets("nowhere/none", check_models=False)).result

    assert result.errors == []
    assert {each.model for each in result.aliases} == {"nowhere/none"}


def test_a_running_daemon_keeps_its_models() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    done = answer(millrace, sets("scripted/other"))

    assert [error.code for error in done.result.errors] == ["stage_model_conflict"]
    assert done.exit_code is ExitCode.USAGE
    assert millrace.validated == []


def test_a_directory_that_is_not_a_workspace_has_no_aliases_to_set() -> None:
    millrace = ScriptedBackend(is_initialised=False)

    done = answer(millrace, sets("scripted/other"))

    assert [error.code for error in done.result.errors] == ["invalid_request"]
    assert not millrace.is_initialised


def test_pi_is_closed() -> None:
    pi = agent()

    answer(ScriptedBackend(), pi=pi)

    assert pi.closed
