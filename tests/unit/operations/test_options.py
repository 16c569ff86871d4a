"""Options of a run: what they become, and which source wins."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from millracer.domain.configuration import ValueOrigin
from millracer.domain.models import Model, ModelChoice
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    Limits,
    PiSession,
    RoutePreference,
    RunRequest,
)
from millracer.domain.run.options import RUN_OPTIONS, RunOptions
from millracer.operations.options import Layer, OptionLayers, merge, values_of
from tests.support.option_values import value_of

VALUES = {option.name: value_of(option) for option in RUN_OPTIONS}
#: No value is a default.
CHOSEN = RunOptions(**VALUES)
NAMES = [option.name for option in RUN_OPTIONS]
ORIGINS = [
    *(ValueOrigin.DEFAULT, ValueOrigin.USER_FILE, ValueOrigin.WORKSPACE_FILE),
    *(ValueOrigin.ENVIRONMENT, ValueOrigin.OPTION),
]


def layered(sources: Mapping[ValueOrigin, Mapping[str, Any]]) -> OptionLayers:
    return OptionLayers(
        user=sources.get(ValueOrigin.USER_FILE, {}),
        workspace=lambda root_path: (
            sources.get(ValueOrigin.WORKSPACE_FILE, {}) if root_path == "/w" else {}
        ),
        environment=sources.get(ValueOrigin.ENVIRONMENT, {}),
        given=sources.get(ValueOrigin.OPTION, {}),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_the_strongest_source_wins_and_is_the_origin(name: str, origin: ValueOrigin) -> None:
    default = getattr(RunOptions(), name)
    weaker = ORIGINS[1 : ORIGINS.index(origin)]
    sources: dict[ValueOrigin, dict[str, Any]] = {each: {name: default} for each in weaker}
    if origin is not ValueOrigin.DEFAULT:
        sources[origin] = {name: VALUES[name]}
    wanted = default if origin is ValueOrigin.DEFAULT else VALUES[name]

    merged = layered(sources).for_workspace("/w")

    assert merged.options == dataclasses.replace(RunOptions(), **{name: wanted})
    assert merged.origins == dict.fromkeys(NAMES, ValueOrigin.DEFAULT) | {name: origin}


@pytest.mark.parametrize("empty", [None, (), ""])
def test_an_empty_value_is_not_given(empty: object) -> None:
    layers = [
        Layer(origin=ValueOrigin.USER_FILE, values=VALUES),
        Layer(origin=ValueOrigin.OPTION, values=dict.fromkeys(NAMES, empty)),
    ]

    merged = merge(layers)

    assert merged.options == CHOSEN
    assert set(merged.origins.values()) == {ValueOrigin.USER_FILE}


def test_a_switch_that_a_file_turns_on_can_be_turned_off() -> None:
    layers = layered(
        {ValueOrigin.USER_FILE: VALUES, ValueOrigin.ENVIRONMENT: {"keep_daemon": False}}
    )

    assert layers.anywhere.options == dataclasses.replace(CHOSEN, keep_daemon=False)


def test_the_file_of_a_workspace_counts_there_alone() -> None:
    layers = layered(
        {
            ValueOrigin.USER_FILE: {"thinking": "user"},
            ValueOrigin.WORKSPACE_FILE: {"thinking": "workspace"},
        }
    )

    assert layers.for_workspace("/w").options.thinking == "workspace"
    assert layers.for_workspace("/other").options.thinking == "user"
    assert layers.anywhere.options.thinking == "user"


def test_later_values_replace_given_ones_and_none_removes_them() -> None:
    layers = layered(
        {
            ValueOrigin.USER_FILE: {"route": RoutePreference.DIRECT, "model": "file"},
            ValueOrigin.ENVIRONMENT: {"model": "environment"},
            ValueOrigin.OPTION: {"millrace_mode": "lad_pi"},
        }
    )

    changed = layers.with_values(route=RoutePreference.AUTO, model=None, millrace_mode=None)

    assert layers.anywhere.options.route is RoutePreference.DIRECT
    assert changed.anywhere.options == RunOptions(model="file")
    assert changed.anywhere.origins["route"] is ValueOrigin.OPTION


@pytest.mark.parametrize(
    ("sources", "session", "named", "session_mode", "origin"),
    [
        ({"given": "o", "environment": "e", "user": "u"}, "s", "o", None, ValueOrigin.OPTION),
        ({"environment": "e", "user": "u"}, "s", "e", None, ValueOrigin.ENVIRONMENT),
        ({"user": "u"}, "s", None, "s", ValueOrigin.SESSION),
        ({"user": "u"}, None, None, "u", ValueOrigin.USER_FILE),
        ({}, None, None, None, ValueOrigin.DEFAULT),
    ],
)
def test_a_sessions_mode_is_between_the_caller_and_the_files(
    sources: dict[str, str],
    session: str | None,
    named: str | None,
    session_mode: str | None,
    origin: ValueOrigin,
) -> None:
    layers = OptionLayers(**{each: {"millrace_mode": mode} for each, mode in sources.items()})

    merged = layers.for_workspace("/w", session_mode=session)
    request = merged.request("t", "r")

    assert (request.mode, request.session_mode) == (named, session_mode)
    assert merged.origins["millrace_mode"] is origin


def test_the_values_of_options_are_those_that_are_not_defaults() -> None:
    assert values_of(RunOptions()) == {}
    assert values_of(CHOSEN) == VALUES
    assert values_of(RunOptions(keep_daemon=True)) == {"keep_daemon": True}


def test_no_chosen_value_is_a_default() -> None:
    assert {name for name in NAMES if getattr(CHOSEN, name) == getattr(RunOptions(), name)} == set()


def given(options: RunOptions) -> OptionLayers:
    return OptionLayers(given=values_of(options))


def test_a_run_is_requested_with_its_options() -> None:
    options = RunOptions(
        route=RoutePreference.DIRECT,
        intake=IntakePreference.IDEA,
        millrace_mode="lad_pi",
        daemon_timeout_seconds=1,
        max_daemon_restarts=2,
        max_tokens=5000,
        max_stages=6,
        pi_timeout_seconds=4,
        keep_daemon=True,
        notify_terminal_stages=False,
        finalizer=Finalizer.SUMMARY,
        stage_model="provider/model:high",
        no_model_check=True,
        gitignore=True,
    )

    assert given(options).anywhere.request("the task", "req-1") == RunRequest(
        task="the task",
        request_id="req-1",
        route=RoutePreference.DIRECT,
        intake=IntakePreference.IDEA,
        mode="lad_pi",
        stage_model=ModelChoice(
            model=Model(provider="provider", model_id="model"), thinking="high"
        ),
        check_models=False,
        gitignore=True,
        finalizer=Finalizer.SUMMARY,
        keep_daemon=True,
        notify_terminal_stages=False,
        limits=Limits(
            daemon_timeout_seconds=1,
            pi_timeout_seconds=4,
            max_daemon_restarts=2,
            max_tokens=5000,
            max_stages=6,
        ),
    )


@pytest.mark.parametrize(
    ("session", "wanted", "notified"),
    [
        (PiSession.RPC, True, True),
        (PiSession.RPC, False, False),
        (PiSession.PRINT, True, False),
        (PiSession.PRINT, False, False),
    ],
)
def test_pi_is_notified_of_stages_only_in_a_conversation(
    session: PiSession, *, wanted: bool, notified: bool
) -> None:
    options = RunOptions(pi_session=session, notify_terminal_stages=wanted)

    assert given(options).anywhere.request("t", "r").notify_terminal_stages is notified


def test_the_defaults_are_those_of_a_request_without_options() -> None:
    assert OptionLayers().anywhere.request("t", "r") == RunRequest(task="t", request_id="r")
