"""How pi resolves the names of models, and what a chosen model changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.models import (
    THINKING_LEVELS,
    AgentModels,
    AliasModel,
    Credentials,
    Model,
    ModelChoice,
    ModelOrigin,
    StageModel,
    StageModels,
    parse_choice,
    resolve,
)

OPUS = Model(provider="anthropic", model_id="claude-opus", name="Claude Opus (latest)")
GPT = Model(provider="openai", model_id="gpt-5.5")
FREE = Model(provider="openrouter", model_id="z-ai/glm:free")
AZURE = Model(provider="azure", model_id="gpt-5.5")
YES, NO, UNKNOWN = Credentials.YES, Credentials.NO, Credentials.UNKNOWN


def stage(model: str | None, provider: str | None = None, **more: object) -> StageModel:
    fields = {"runner": "pi_rpc", "alias": "standard", "stages": ("builder",), **more}
    return StageModel(model=model, provider=provider, **fields)


def models(*usable: Model, selected: Model | None = OPUS, by_default: bool = True) -> AgentModels:
    return AgentModels(selected=selected, usable=usable, by_default=by_default)


@pytest.mark.parametrize(
    ("name", "credentials", "model"),
    [
        ("anthropic/claude-opus", YES, OPUS),
        ("Anthropic/Claude-Opus", YES, OPUS),
        ("anthropic/claude-opus:high", YES, OPUS),
        ("claude-opus", YES, OPUS),
        ("openrouter/z-ai/glm:free", YES, FREE),
        ("z-ai/glm:free", YES, FREE),
        ("gpt-5.5", NO, None),
        ("openai/gpt-5.5", NO, None),
        ("nope/none", NO, None),
        ("anthropic/other", UNKNOWN, None),  # pi takes it as a custom model, or finds it elsewhere
        ("opus", UNKNOWN, None),
        ("latest", UNKNOWN, None),  # part of the name for people
        ("claude-opus:ultra", NO, None),
    ],
)
def test_a_name_is_resolved_as_pi_does_as_far_as_the_usable_models_show_it(
    name: str, credentials: Credentials, model: Model | None
) -> None:
    found = resolve(stage(name), models(OPUS, FREE))

    assert (found.credentials, found.model) == (credentials, model)


def test_an_id_that_several_providers_have_is_ambiguous_and_names_them() -> None:
    found = resolve(stage("gpt-5.5"), models(GPT, AZURE))

    assert found.credentials is Credentials.AMBIGUOUS
    assert found.candidates == (GPT, AZURE)


def test_an_older_pi_is_asked_which_provider_of_an_id_it_takes() -> None:
    older = AgentModels(selected=GPT, usable=(GPT,), resolves_by_credentials=False)

    assert resolve(stage("gpt-5.5"), older).credentials is UNKNOWN
    assert resolve(stage("openai/gpt-5.5"), older).credentials is YES


@pytest.mark.parametrize(
    ("provider", "name", "credentials"),
    [("OpenAI", "gpt-9", YES), ("openai", "openai/gpt-9", YES), ("anthropic", "gpt-5.5", NO)],
)
def test_a_provider_of_the_configuration_decides_alone(
    provider: str, name: str, credentials: Credentials
) -> None:
    assert resolve(stage(name, provider), models(GPT)).credentials is credentials


def test_stages_without_a_model_use_the_one_that_pi_selects_itself() -> None:
    assert resolve(stage(None), models(OPUS)).model is OPUS
    assert resolve(stage(None), models(GPT)).credentials is NO
    assert resolve(stage(None), models(OPUS, by_default=False)).credentials is UNKNOWN
    assert resolve(stage(None, "anthropic"), models(OPUS)).credentials is UNKNOWN


@pytest.mark.parametrize(
    ("selected", "usable", "is_usable"),
    [
        (AZURE, (GPT, AZURE), True),
        (AZURE, (GPT,), False),
        (AZURE, (), False),
        (None, (GPT,), False),
    ],
)
def test_a_model_is_usable_with_credentials_of_its_provider(
    selected: Model | None, usable: tuple[Model, ...], *, is_usable: bool
) -> None:
    found = models(*usable, selected=selected)

    assert found.is_usable is is_usable
    assert found.providers == tuple(each.provider for each in usable)


@given(st.sampled_from([OPUS, GPT, FREE]), st.none() | st.sampled_from(THINKING_LEVELS))
def test_a_choice_is_read_as_it_is_written(model: Model, thinking: str | None) -> None:
    choice = ModelChoice(model=model, thinking=thinking)

    assert parse_choice(f" {choice} ") == choice


@pytest.mark.parametrize("text", ["", "gpt", "/gpt", "openai/", "open ai/gpt", "a/b c", ":high"])
def test_other_texts_are_not_a_choice(text: str) -> None:
    assert parse_choice(text) is None


ALIASES = (
    AliasModel(alias="deep", model="gpt-5.5", thinking="xhigh"),
    AliasModel(alias="fast", model="mini", thinking="high"),
    AliasModel(alias="standard", model="anthropic/claude-opus", thinking="medium"),
)


def compiled(*stages: StageModel, aliases: tuple[AliasModel, ...] = ALIASES) -> StageModels:
    return StageModels(mode="lad_pi", stages=stages, aliases=aliases)


def texts(changes: tuple[AliasModel, ...]) -> list[str]:
    return [str(each) for each in changes]


def test_a_choice_changes_the_aliases_in_use_that_differ_and_keeps_their_thinking_level() -> None:
    found = compiled(stage("gpt-5.5", alias="deep"), stage("anthropic/claude-opus"))

    changes = found.changes_to(ModelChoice(model=OPUS), every_alias=False)
    assert texts(changes) == ["deep=anthropic/claude-opus:xhigh"]

    changes = found.changes_to(ModelChoice(model=OPUS), every_alias=True)
    assert texts(changes) == [
        "deep=anthropic/claude-opus:xhigh",
        "fast=anthropic/claude-opus:high",
    ]

    changes = found.changes_to(ModelChoice(model=OPUS, thinking="xhigh"), every_alias=False)
    assert texts(changes) == [
        "deep=anthropic/claude-opus:xhigh",
        "standard=anthropic/claude-opus:xhigh",
    ]


def test_aliases_that_no_stage_on_pi_uses_are_left_alone() -> None:
    of_codex = compiled(stage("gpt-5.5", runner="codex_cli", on_agent=False))
    of_mode = compiled(stage("gpt-5.5", origin=ModelOrigin.MODE))
    without = compiled(stage(None, alias=None), aliases=())

    for found in (of_codex, of_mode, without):
        assert found.changes_to(ModelChoice(model=OPUS), every_alias=True) == ()


def test_what_the_mode_or_the_configuration_fixes_stays_with_a_choice() -> None:
    fixed = stage("m", origin=ModelOrigin.MODE, stages=("planner",))
    own = stage("m", alias=None, stages=("recon",))
    codex = stage("m", runner="codex_cli", on_agent=False)
    found = compiled(stage("gpt-5.5"), fixed, own, codex)

    assert found.fixed() == (fixed, own)
    assert found.with_choice(ModelChoice(model=OPUS)).stages == (
        stage(str(OPUS)),
        fixed,
        own,
        codex,
    )
    assert found.with_choice(None) is found
