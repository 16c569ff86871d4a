"""What `millracer models` reports: the model of pi and of each stage."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.models import AgentModels, AliasModel, Model, Resolution, StageModel
from millracer.domain.run.result import NextStep
from millracer.errors import RunWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStageModel:
    """A model of stages, and how pi resolves it; None where the stages do not run on pi."""

    stage: StageModel
    resolution: Resolution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """The models of one workspace.

    Attributes:
        workspace: its path.
        mode: the mode of the stages; None in a directory that was never initialised.
        models: the models of pi.
        thinking: the thinking level of the outer pi.
        origin: what sets the model of the outer pi; `pi` for its own settings.
        stages: the models of the stages.
        aliases: the model aliases.
        new_stage_model: the model that the stages get when the workspace is initialised, None in a
            workspace that exists.
        changed: the aliases that were changed.
    """

    workspace: str
    mode: str | None
    models: AgentModels
    thinking: str
    origin: str
    stages: tuple[CheckedStageModel, ...] = ()
    aliases: tuple[AliasModel, ...] = ()
    new_stage_model: Model | None = None
    changed: tuple[AliasModel, ...] = ()
    millrace_version: str | None = None
    pi_version: str | None = None
    warnings: tuple[RunWarning, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
