"""Check whether pi has credentials for the models of the stages, and say what to do if not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from millracer.cancellation import Wait
from millracer.domain.models import (
    AgentModels,
    Credentials,
    Model,
    ModelChoice,
    Resolution,
    StageModel,
    StageModels,
    resolve,
)
from millracer.errors import MillracerError, StageModelUnavailable, ToolFailed
from millracer.ports import Backend, ModelLister
from millracer.run.context import RunContext

#: How long pi may take to list its models; a loaded machine needs a third of it to start pi.
_LIST_SECONDS = 60.0
_SHOWN_MODELS = 5
_SHOWN_STAGES = 3


#: A model of stages that they cannot use, and how pi resolves it.
Failed = tuple[StageModel, Resolution]


class ModelResolver(Protocol):
    """What resolves the name of a model: an `Agent`, for example."""

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Return the model that pi selects for a name; starts another pi.

        Raises:
            ToolFailed: pi refuses the name.
        """
        ...


def describe_usable(models: AgentModels) -> str:
    """Return the models with credentials as the end of a sentence; empty without any."""
    if not models.usable:
        return ""
    first = [models.selected] if models.selected in models.usable else []
    shown = dict.fromkeys([*first, *models.usable])
    names = ", ".join(map(str, list(shown)[:_SHOWN_MODELS]))
    more = len(shown) - _SHOWN_MODELS
    return f"; it has them for {names}{f' and {more} more' if more > 0 else ''}"


def find_resolution(
    stage: StageModel, models: AgentModels, pi: ModelResolver, wait: Wait
) -> Resolution:
    """Return how pi resolves a stage's model; starts another pi only if the models do not show it.

    Raises:
        MillracerError: that pi cannot be started, or did not answer.
    """
    found = resolve(stage, models)
    if found.credentials is not Credentials.UNKNOWN:
        return found
    try:
        model = pi.resolve_model(stage.provider, stage.model, wait)
    except ToolFailed as refused:
        if type(refused) is not ToolFailed:
            raise
        return replace(found, credentials=Credentials.NO)
    usable = model is not None and model.provider in models.providers
    return replace(found, credentials=Credentials.YES if usable else Credentials.NO, model=model)


def describe_model(stage: StageModel, found: Resolution) -> str:
    """Return the model of a stage: its name, alias and the model that pi selects for the name."""
    named = stage.model or "pi's default model"
    alias = "" if stage.alias is None else f" (alias {stage.alias})"
    is_same = found.model is None or str(found.model) == named
    return f"{named}{alias}" if is_same else f"{named}{alias}, that is {found.model}"


def describe_unavailable(failed: list[Failed], models: AgentModels) -> str:
    """Return which stages cannot use their models, and which models pi has, as a sentence."""
    return "; ".join(_describe_one(*each) for each in failed) + describe_usable(models)


def _describe_one(stage: StageModel, found: Resolution) -> str:
    stages = ", ".join(stage.stages)
    if len(stage.stages) > _SHOWN_STAGES:
        stages = f"{stage.stages[0]} and {len(stage.stages) - 1} more stages"
    model = describe_model(stage, found)
    if found.credentials is Credentials.AMBIGUOUS:
        candidates = ", ".join(map(str, found.candidates))
        return f"{stages} would use {model}, which several providers have: {candidates}"
    return f"{stages} would use {model}, for which pi has no credentials"


def suggest_model(found: Resolution, models: AgentModels) -> Model | None:
    """Return a model with credentials for a stage without one, None if pi has none."""
    if found.candidates:
        return found.candidates[0]
    if models.is_usable:
        return models.selected
    return models.usable[0] if models.usable else None


@dataclass(slots=True)
class ModelCheck:
    """Checks models against those that pi has credentials for; reads pi's list at most twice."""

    record: RunContext
    millrace: Backend
    pi: ModelLister
    _models: AgentModels | None = None
    _is_fresh: bool = False

    @property
    def models(self) -> AgentModels:
        """The models of pi, once `models_or_warn` was true."""
        if self._models is None:
            raise MillracerError("pi's models were not read")
        return self._models

    def models_or_warn(self, *, fresh_unless_usable: bool = False) -> bool:
        """Read pi's models, first from the cache; warn and return false if it does not list them.

        Args:
            fresh_unless_usable: ask pi itself if the cache has no usable selected model.
        """
        if self._models is None and not self._read(from_cache=True):
            return False
        if fresh_unless_usable and not self.models.is_usable:
            return self._refresh()
        return True

    def default_choice(self) -> ModelChoice | None:
        """Return pi's model as the choice for a new workspace; None if it has no usable one."""
        if not self.models_or_warn(fresh_unless_usable=True):
            return None
        selected = self.models.selected
        return ModelChoice(model=selected) if selected and self.models.is_usable else None

    def refuse(self, stages: StageModels) -> None:
        """Refuse stages on pi whose model has no credentials.

        Raises:
            StageModelUnavailable: names the stages, the model, and the models that pi has.
        """
        checked = stages.checked()
        if not checked or not self.models_or_warn():
            return
        try:
            failed = self._failed(checked)
            if failed and not self._is_fresh and self._refresh():
                failed = self._failed(checked)
        except MillracerError as error:
            self._warn(error)
            return
        if not failed:
            return
        raise StageModelUnavailable(
            describe_unavailable(failed, self.models),
            suggested_action=self._action(failed[0][1]),
        )

    def _failed(self, stages: tuple[StageModel, ...]) -> list[Failed]:
        wait = self.record.wait.within(_LIST_SECONDS)
        found = ((each, find_resolution(each, self.models, self.pi, wait)) for each in stages)
        return [each for each in found if each[1].credentials is not Credentials.YES]

    def _action(self, found: Resolution) -> str:
        model = suggest_model(found, self.models)
        if model is None:
            return "log in with pi, or set the provider's API key; then run the same command again"
        if not self.millrace.is_initialised:
            return f"use --stage-model {model}"
        return f"run `{self.millrace.commands.millracer('models', 'set', str(model))}`"

    def _refresh(self) -> bool:
        return self._is_fresh or self._read(from_cache=False)

    def _read(self, *, from_cache: bool) -> bool:
        wait = self.record.wait.within(_LIST_SECONDS)
        try:
            self._models = self.pi.list_models(wait, from_cache=from_cache)
        except MillracerError as error:
            self._warn(error)
            return False
        self._is_fresh = not from_cache
        return True

    def _warn(self, error: MillracerError) -> None:
        self.record.warn(
            "stage_models_unchecked",
            f"the models of the stages were not checked: {error.message}",
        )
