"""Models: which ones pi can use, which ones the stages name, and whether pi can use those.

A stage names a model as pi's `--model` takes it: `provider/id`, an id, or part of an id. pi
resolves the name against all models that it knows. Millracer only knows the models with
credentials, so the answer may be that pi must be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

#: pi's thinking levels, the lowest first.
THINKING_LEVELS: Final = ("off", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as pi names it.

    Attributes:
        name: its name for people; empty if unknown.
    """

    provider: str
    model_id: str
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return it as `--model` takes it."""
        return f"{self.provider}/{self.model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentModels:
    """The models that pi reports.

    Attributes:
        selected: the model that gets its prompts, None without one.
        usable: the models that it has credentials for.
        by_default: pi selected the model itself: no option names a provider or a model.
        resolves_by_credentials: this pi resolves an id of several providers to the only one with
            credentials, and refuses it if there are several.
    """

    selected: Model | None
    usable: tuple[Model, ...]
    by_default: bool = True
    resolves_by_credentials: bool = True

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that pi has credentials for, each once."""
        return tuple(dict.fromkeys(model.provider for model in self.usable))

    @property
    def is_usable(self) -> bool:
        """Whether there are credentials for the selected model's provider."""
        return self.selected is not None and self.selected.provider in self.providers


class ModelOrigin(StrEnum):
    """Where the model of a stage is set."""

    DEFAULT = "default"  #: Millrace's own default
    WORKSPACE = "workspace"  #: the workspace's Millrace configuration
    MODE = "mode"  #: the definition of the mode, which Millracer does not change
    RUNNER = "runner"  #: nothing names one: the program selects it


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasModel:
    """A model alias of Millrace: the name by which stages get their model.

    Attributes:
        model: as pi's `--model` takes it.
        thinking: the thinking level.
    """

    alias: str
    model: str
    thinking: str
    origin: ModelOrigin = field(default=ModelOrigin.WORKSPACE, compare=False)

    def __str__(self) -> str:
        """Return it as `millracer models set` takes it."""
        return f"{self.alias}={self.model}:{self.thinking}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageModel:
    """A model that stages of a compiled mode use.

    Attributes:
        runner: the program that runs the stages, as Millrace or its configuration names it.
        on_agent: whether that is pi as Millrace starts it, so that pi's models can be checked.
        provider: the provider that Millrace passes to the runner, None without one.
        model: as the runner gets it, None where the runner selects it.
        alias: the model alias, None without one.
        thinking: the thinking level, None where none is set.
        stages: the stages that use it.
    """

    runner: str
    on_agent: bool = True
    provider: str | None = None
    model: str | None
    alias: str | None
    thinking: str | None = None
    origin: ModelOrigin = ModelOrigin.WORKSPACE
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageModels:
    """The models of a workspace's compiled mode.

    Attributes:
        mode: the compiled mode's id.
        stages: the models, each with its stages.
        aliases: the model aliases; empty where this Millrace has none.
    """

    mode: str
    stages: tuple[StageModel, ...]
    aliases: tuple[AliasModel, ...] = ()

    def checked(self) -> tuple[StageModel, ...]:
        """Return the models of the stages that run on pi."""
        return tuple(stage for stage in self.stages if stage.on_agent)

    def changes_to(self, choice: ModelChoice, *, every_alias: bool) -> tuple[AliasModel, ...]:
        """Return the aliases that must change so that all stages on pi use the chosen model.

        Args:
            choice: the model; without a thinking level, each alias keeps its own.
            every_alias: also change the aliases that no stage of this mode uses.
        """
        used = {stage.alias for stage in self.checked() if stage.origin is not ModelOrigin.MODE}
        if not any(used):
            return ()
        wanted = (
            replace(each, model=str(choice.model), thinking=choice.thinking or each.thinking)
            for each in self.aliases
            if each.alias in used or every_alias
        )
        return tuple(each for each in wanted if each not in self.aliases)

    def with_choice(self, choice: ModelChoice | None) -> StageModels:
        """Return these models as they are once the aliases have the chosen model."""
        if choice is None:
            return self
        fixed = self.fixed()
        return replace(
            self,
            stages=tuple(
                replace(stage, model=str(choice.model))
                if stage.on_agent and stage not in fixed
                else stage
                for stage in self.stages
            ),
        )

    def fixed(self) -> tuple[StageModel, ...]:
        """Return the models on pi that no alias of the workspace can change."""
        return tuple(
            stage
            for stage in self.checked()
            if stage.alias is None or stage.origin is ModelOrigin.MODE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model for the stages, as the user names it.

    Attributes:
        thinking: the thinking level; None: unchanged.
    """

    model: Model
    thinking: str | None = None

    def __str__(self) -> str:
        """Return it as the user writes it."""
        return str(self.model) if self.thinking is None else f"{self.model}:{self.thinking}"


def parse_choice(text: str) -> ModelChoice | None:
    """Read `PROVIDER/MODEL[:THINKING]`; return None for another text."""
    name, thinking = split_thinking(text.strip())
    provider, slash, model_id = name.partition("/")
    if not (provider and slash and model_id) or any(character.isspace() for character in name):
        return None
    return ModelChoice(model=Model(provider=provider, model_id=model_id), thinking=thinking)


def split_thinking(name: str) -> tuple[str, str | None]:
    """Split a thinking level off a model's name; a model's id may contain other colons."""
    base, _, level = name.rpartition(":")
    return (base, level) if base and level in THINKING_LEVELS else (name, None)


class Credentials(StrEnum):
    """Whether pi has credentials for the model that it would use."""

    YES = "yes"
    NO = "no"
    AMBIGUOUS = "ambiguous"  #: several providers with credentials have the model: pi refuses it
    UNKNOWN = "unknown"  #: pi must be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How pi resolves the name of a model.

    Attributes:
        model: the model that pi would use, None where it is not known.
        candidates: the models with credentials that have this id.
    """

    credentials: Credentials
    model: Model | None = None
    candidates: tuple[Model, ...] = ()


_NO = Credentials.NO
#: What pi does with a name is certain.
_CERTAIN = frozenset({Credentials.YES, Credentials.AMBIGUOUS})


def resolve(stage: StageModel, models: AgentModels) -> Resolution:
    """Return the model that a stage's pi would use, as far as the usable models show it."""
    if stage.model is None:
        return _resolve_default(stage.provider, models)
    if stage.provider is not None:
        return _resolve_of_provider(stage.model, stage.provider, models)
    found = [_resolve_name(name, models) for name in _names(stage.model)]
    certain = (each for each in found if each.credentials in _CERTAIN)
    return next(certain, next((each for each in found if each.credentials is not _NO), found[0]))


def _resolve_default(provider: str | None, models: AgentModels) -> Resolution:
    if provider is not None or not models.by_default:
        return Resolution(credentials=Credentials.UNKNOWN)
    return Resolution(
        credentials=Credentials.YES if models.is_usable else Credentials.NO, model=models.selected
    )


def _resolve_of_provider(name: str, provider: str, models: AgentModels) -> Resolution:
    """Resolve a name within one provider, where pi accepts unknown ids as custom models."""
    known = {each.lower(): each for each in models.providers}.get(provider.lower())
    if known is None:
        return Resolution(credentials=Credentials.NO)
    model_id = name.removeprefix(f"{known}/")
    return Resolution(credentials=Credentials.YES, model=Model(provider=known, model_id=model_id))


def _names(text: str) -> Iterator[str]:
    """Yield a name in pi's order: as it is, then without its thinking level."""
    yield text
    base, level = split_thinking(text)
    if level is not None:
        yield base


def _resolve_name(name: str, models: AgentModels) -> Resolution:
    lowered = name.lower()
    exact = _first(model for model in models.usable if str(model).lower() == lowered)
    if exact is not None:
        return Resolution(credentials=Credentials.YES, model=exact)
    same = tuple(model for model in models.usable if model.model_id.lower() == lowered)
    if same:
        return _resolve_id(same, models)
    provider = name.partition("/")[0].lower()
    may_match = provider in {each.lower() for each in models.providers} or any(
        lowered in model.model_id.lower() or lowered in model.name.lower()
        for model in models.usable
    )
    return Resolution(credentials=Credentials.UNKNOWN if may_match else Credentials.NO)


def _resolve_id(same: tuple[Model, ...], models: AgentModels) -> Resolution:
    if not models.resolves_by_credentials:  # an older pi takes the first provider it knows
        return Resolution(credentials=Credentials.UNKNOWN, candidates=same)
    if len({model.provider for model in same}) > 1:
        return Resolution(credentials=Credentials.AMBIGUOUS, candidates=same)
    return Resolution(credentials=Credentials.YES, model=same[0], candidates=same)


def _first(models: Iterable[Model]) -> Model | None:
    return next(iter(models), None)
