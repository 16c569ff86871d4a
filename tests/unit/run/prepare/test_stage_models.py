"""What a run does about the models of the stages, before it stores a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.models import AgentModels, Model, parse_choice
from millracer.domain.requests import IntakePreference, RoutePreference, RunRequest
from millracer.domain.submission import Submission
from millracer.errors import ExitCode, MillracerError, ToolFailed, ToolTimeout
from millracer.operations.submit import submit
from millracer.testing.agent import SCRIPTED_MODEL, ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock

REQUEST = RunRequest(
    task="Make it blue",
    request_id="req-1",
    route=RoutePreference.MILLRACE,
    intake=IntakePreference.TASK,
)
NONE = AgentModels(selected=None, usable=())
OPENAI = Model(provider="openai", model_id="gpt-5.5")
AZURE = Model(provider="azure", model_id="gpt-5.5")


def submitted(
    millrace: ScriptedBackend, pi: ScriptedAgent | None = None, request: RunRequest = REQUEST
) -> Submission:
    return submit(
        request,
        millrace=millrace,
        models=pi or ScriptedAgent(),
        clock=FrozenClock(),
        unique=lambda: "u",
        cancellation=Cancellation(),
    )


def codes(submission: Submission) -> list[str]:
    return [warning.code for warning in submission.warnings]


def error_of(submission: Submission) -> tuple[str, str, str]:
    (error,) = submission.errors
    return error.code, error.message, error.suggested_action or ""


def aliases(millrace: ScriptedBackend) -> set[str]:
    return {alias.model for alias in millrace.read_stage_models().aliases}


def asking(stage_model: str) -> RunRequest:
    return replace(REQUEST, stage_model=parse_choice(stage_model))


def refused_untouched(millrace: ScriptedBackend) -> bool:
    return not (millrace.documents or millrace.enqueued or millrace.started)


def test_a_new_workspace_gets_the_model_of_pi_and_says_so() -> None:
    millrace = ScriptedBackend(is_initialised=False)

    done = submitted(millrace)

    assert done.exit_code is ExitCode.COMPLETED
    assert aliases(millrace) == {"scripted/model"}
    assert codes(done) == ["workspace_initialised", "stage_models_set"]
    assert "standard=scripted/model:medium" in str(done.warnings[1])
    assert "deep=scripted/model:xhigh" in str(done.warnings[1])


def test_an_existing_workspace_is_not_changed_and_costs_no_start_of_pi() -> None:
    millrace, pi = ScriptedBackend(), ScriptedAgent()
    pi.cached_models = AgentModels(selected=SCRIPTED_MODEL, usable=(SCRIPTED_MODEL,))
    pi.models = ToolFailed("pi", "must not be started")

    done = submitted(millrace, pi)

    assert done.exit_code is ExitCode.COMPLETED
    assert done.warnings == ()
    assert "set_stage_models" not in millrace.calls
    assert millrace.validated == ["default_pi"]


def test_a_stage_without_credentials_is_refused_before_anything_is_stored() -> None:
    millrace = ScriptedBackend()
    millrace.models.uses("gpt-5.5")

    done = submitted(millrace)

    code, message, action = error_of(done)
    assert done.exit_code is ExitCode.FAILED
    assert code == "stage_model_unavailable"
    assert "builder" in message
    assert "gpt-5.5" in message
    assert "scripted/model" in message
    assert action == "run `millracer models set scripted/model --workspace /workspace`"
    assert refused_untouched(millrace)


def test_an_id_of_several_providers_names_those_with_credentials() -> None:
    millrace, pi = ScriptedBackend(), ScriptedAgent()
    millrace.models.uses("gpt-5.5")
    pi.models = AgentModels(selected=OPENAI, usable=(OPENAI, AZURE))

    code, message, action = error_of(submitted(millrace, pi))

    assert code == "stage_model_unavailable"
    assert "openai/gpt-5.5, azure/gpt-5.5" in message
    assert "models set openai/gpt-5.5" in action


def test_the_cache_alone_never_refuses() -> None:
    millrace, pi = ScriptedBackend(), ScriptedAgent()
    pi.cached_models = NONE

    done = submitted(millrace, pi)

    assert done.exit_code is ExitCode.COMPLETED
    assert pi.listed == 2


@pytest.mark.parametrize(
    ("resolution", "is_refused"),
    [
        (SCRIPTED_MODEL, False),
        (OPENAI, True),
        (None, True),
        (ToolFailed("pi", "ambiguous"), True),
    ],
)
def test_pi_is_asked_about_a_name_that_its_list_does_not_decide(
    resolution: Model | MillracerError | None, *, is_refused: bool
) -> None:
    millrace, pi = ScriptedBackend(), ScriptedAgent()
    millrace.models.uses("mode")
    pi.resolved = {"mode": resolution}

    done = submitted(millrace, pi)

    assert bool(done.errors) is is_refused


def test_what_cannot_be_checked_is_a_warning_and_not_refused() -> None:
    silent = ScriptedAgent()
    silent.models = ToolTimeout("pi", "it is mute")
    unsure = ScriptedAgent()
    unsure.resolved = {"mode": ToolTimeout("pi", "it is mute")}
    named = ScriptedBackend()
    named.models.uses("mode")

    for millrace, pi in ((ScriptedBackend(), silent), (named, unsure)):
        done = submitted(millrace, pi)

        assert done.exit_code is ExitCode.COMPLETED
        assert codes(done) == ["stage_models_unchecked"]


def test_the_check_can_be_turned_off() -> None:
    millrace, pi = ScriptedBackend(), ScriptedAgent()
    millrace.models.uses("gpt-5.5")

    done = submitted(millrace, pi, replace(REQUEST, check_models=False))

    assert done.exit_code is ExitCode.COMPLETED
    assert pi.listed == 0


def test_stages_that_do_not_run_on_pi_are_left_alone() -> None:
    millrace = ScriptedBackend()
    millrace.models.uses("gpt-5.5", runner="/opt/own-pi")

    assert submitted(millrace).exit_code is ExitCode.COMPLETED

    fresh = ScriptedBackend(is_initialised=False)
    done = submitted(fresh, request=replace(REQUEST, mode="lad_codex"))

    assert done.exit_code is ExitCode.COMPLETED
    assert codes(done) == ["workspace_initialised"]
    assert "gpt-5.5" in aliases(fresh)


def test_a_new_workspace_is_not_initialised_without_any_model() -> None:
    millrace, pi = ScriptedBackend(is_initialised=False), ScriptedAgent()
    pi.models = NONE

    code, _, action = error_of(submitted(millrace, pi))

    assert code == "stage_model_unavailable"
    assert action
    assert not millrace.is_initialised


def test_a_chosen_model_is_set_once_where_it_differs() -> None:
    millrace, request = ScriptedBackend(), asking("scripted/other:low")
    pi = ScriptedAgent()
    other = Model(provider="scripted", model_id="other")
    pi.models = AgentModels(selected=SCRIPTED_MODEL, usable=(SCRIPTED_MODEL, other))

    first = submitted(millrace, pi, request)
    again = submitted(millrace, pi, replace(request, task="Make it red"))

    assert codes(first) == ["stage_models_set"]
    assert codes(again) == []
    used = {(each.model, each.thinking) for each in millrace.read_stage_models().stages}
    assert used == {("scripted/other", "low")}


def test_a_chosen_model_without_credentials_is_refused_in_a_new_workspace_too() -> None:
    for is_initialised in (True, False):
        millrace = ScriptedBackend(is_initialised=is_initialised)

        code, message, _ = error_of(submitted(millrace, request=asking("nowhere/none")))

        assert code == "stage_model_unavailable"
        assert "nowhere/none" in message
        assert refused_untouched(millrace)
        assert millrace.is_initialised is is_initialised


def test_a_chosen_model_is_not_written_while_a_daemon_runs() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    done = submitted(millrace, request=asking("scripted/other"))

    code, _, action = error_of(done)
    assert (code, done.exit_code) == ("stage_model_conflict", ExitCode.USAGE)
    assert "millracer stop --workspace /workspace" in action
    assert aliases(millrace) == {"scripted/model"}
    assert refused_untouched(millrace)


def test_a_daemon_that_uses_the_chosen_model_already_is_not_a_conflict() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    assert submitted(millrace, request=asking("scripted/model")).errors == ()


@pytest.mark.parametrize("asked", [True, False])
def test_git_ignores_a_new_folder_only_on_request(*, asked: bool) -> None:
    millrace = ScriptedBackend(is_initialised=False)
    millrace.is_shown_by_git = True

    done = submitted(millrace, request=replace(REQUEST, gitignore=asked))

    assert millrace.is_shown_by_git is not asked
    assert ("gitignore_changed" in codes(done)) is asked
    announced = str(done.warnings[0])
    assert "millrace-agents/ (2 files, 2 kB)" in announced
    assert ("--gitignore" in announced) is not asked
