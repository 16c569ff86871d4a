import dataclasses
from typing import Any

import pytest

from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    Limits,
    PiSession,
    RoutePreference,
    RunRequest,
)
from millracer.operations.options import LayeredChoices, RunChoices
from millracer.schemas.run_options import OpsOptions, SaidOptions

#: What the command line said: nothing of it is a default, and nothing is what a request says below.
CHOSEN = RunChoices(
    route=RoutePreference.DIRECT,
    intake=IntakePreference.IDEA,
    mode="lad_pi",
    cwd="/cwd",
    thinking="low",
    provider="provider",
    model="model",
    skills=("/skill",),
    default_skills=True,
    daemon_timeout_seconds=1,
    max_daemon_restarts=2,
    poll_interval_seconds=3,
    pi_timeout_seconds=4,
    keep_daemon=False,
    pi_session=PiSession.PRINT,
    notify_terminal_stages=False,
    finalizer=Finalizer.SUMMARY,
    warm_millrace=True,
)

#: Each option, what a request says, and what that changes.
OVERLAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "route": ("millrace", {"route": RoutePreference.MILLRACE}),
    "intake": ("probe", {"intake": IntakePreference.PROBE}),
    "millrace_mode": ("learning_pi", {"mode": "learning_pi"}),
    "cwd": ("/other", {"cwd": "/other"}),
    "thinking": ("off", {"thinking": "off"}),
    "provider": ("p", {"provider": "p"}),
    "model": ("m", {"model": "m"}),
    "skill": (["/a", "/b"], {"skills": ("/a", "/b")}),
    "no_default_skills": (True, {"default_skills": False}),
    "daemon_timeout_seconds": (11.5, {"daemon_timeout_seconds": 11.5}),
    "max_daemon_restarts": (0, {"max_daemon_restarts": 0}),
    "poll_interval_seconds": (13.5, {"poll_interval_seconds": 13.5}),
    "pi_timeout_seconds": (14.5, {"pi_timeout_seconds": 14.5}),
    "keep_daemon": (True, {"keep_daemon": True}),
    "pi_session": ("rpc", {"pi_session": PiSession.RPC}),
    "notify_terminal_stages": (True, {"notify_terminal_stages": True}),
    "finalizer": ("pi", {"finalizer": Finalizer.PI}),
    "no_warm_millrace": (True, {"warm_millrace": False}),
    "resume": ("item-1", {}),  # a request of its own, not a way to do one
}


def options(**said: Any) -> OpsOptions:
    return OpsOptions.model_validate(said, strict=False)


def test_every_option_and_every_choice_is_named_here() -> None:
    assert set(OVERLAYS) == set(OpsOptions.model_fields)
    changed = {name for _, fields in OVERLAYS.values() for name in fields}
    by_a_file_alone = {"configured_mode"}
    assert changed == {field.name for field in dataclasses.fields(RunChoices)} - by_a_file_alone


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_option_overlays_its_own_field_and_no_other(name: str) -> None:
    value, changed = OVERLAYS[name]

    overlaid = CHOSEN.overlaid(options(**{name: value}))

    assert overlaid == dataclasses.replace(CHOSEN, **changed)


def test_options_that_say_nothing_change_nothing() -> None:
    assert CHOSEN.overlaid(OpsOptions()) == CHOSEN
    assert CHOSEN.overlaid(options(skill=[], provider="", model=None)) == CHOSEN


@pytest.mark.parametrize("without", [True, False])
def test_a_request_may_turn_default_skills_off_and_on(*, without: bool) -> None:
    chosen = dataclasses.replace(CHOSEN, default_skills=without)

    assert chosen.overlaid(options(no_default_skills=without)).default_skills is not without


def test_a_run_is_done_by_these_choices() -> None:
    assert CHOSEN.request("the task", "req-1") == RunRequest(
        task="the task",
        request_id="req-1",
        route=RoutePreference.DIRECT,
        intake=IntakePreference.IDEA,
        mode="lad_pi",
        finalizer=Finalizer.SUMMARY,
        keep_daemon=False,
        notify_terminal_stages=False,
        limits=Limits(daemon_timeout_seconds=1, pi_timeout_seconds=4, max_daemon_restarts=2),
    )


@pytest.mark.parametrize(
    ("session", "wanted", "told"),
    [
        (PiSession.RPC, True, True),
        (PiSession.RPC, False, False),
        (PiSession.PRINT, True, False),
        (PiSession.PRINT, False, False),
    ],
)
def test_stages_are_told_only_where_there_is_a_conversation(
    session: PiSession, *, wanted: bool, told: bool
) -> None:
    chosen = dataclasses.replace(CHOSEN, pi_session=session, notify_terminal_stages=wanted)

    assert chosen.request("t", "r").notify_terminal_stages is told


def test_the_defaults_are_those_of_a_run_that_says_nothing() -> None:
    assert RunChoices().request("t", "r") == RunRequest(task="t", request_id="r")


def layered(*, user: SaidOptions, workspace: SaidOptions, said: SaidOptions) -> LayeredChoices:
    return LayeredChoices(
        base=CHOSEN,
        user=user,
        workspace={"/w": workspace, "/other": SaidOptions()}.__getitem__,
        said=said,
    )


@pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"resume"}))
def test_what_is_said_goes_before_the_workspace_before_the_user_before_the_default(
    name: str,
) -> None:
    value, changed = OVERLAYS[name]
    speaks, silent = options(**{name: value}), SaidOptions()
    field = next(iter(changed))
    present = {name: _as_option(name, getattr(CHOSEN, field))}
    contradicts = SaidOptions.model_construct(None, **present)
    wanted = dataclasses.replace(CHOSEN, **changed)
    in_file = (
        dataclasses.replace(CHOSEN, configured_mode=value) if name == "millrace_mode" else wanted
    )

    from_user = layered(user=speaks, workspace=silent, said=silent)
    from_workspace = layered(user=contradicts, workspace=speaks, said=silent)
    said = layered(user=contradicts, workspace=contradicts, said=speaks)

    assert from_user.at("/w") == in_file == from_user.anywhere
    assert from_workspace.at("/w") == in_file
    assert _but_the_files_mode(said.at("/w")) == wanted
    assert _but_the_files_mode(said.anywhere) == wanted


def test_a_workspaces_file_counts_there_alone() -> None:
    choices = layered(
        user=SaidOptions(thinking="user"), workspace=SaidOptions(thinking="w"), said=SaidOptions()
    )

    assert choices.at("/w").thinking == "w"
    assert choices.at("/other").thinking == "user"
    assert choices.anywhere.thinking == "user"


def test_who_speaks_later_is_heard_before_any_file() -> None:
    choices = LayeredChoices(user=SaidOptions(route=RoutePreference.DIRECT))

    assert choices.at("/w").route is RoutePreference.DIRECT
    assert choices.saying(route=RoutePreference.AUTO).at("/w").route is RoutePreference.AUTO


def _as_option(name: str, value: Any) -> Any:
    return not value if name in {"no_default_skills", "no_warm_millrace"} else value


def _but_the_files_mode(choices: RunChoices) -> RunChoices:
    return dataclasses.replace(choices, configured_mode=None)
