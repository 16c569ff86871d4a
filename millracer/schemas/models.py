"""The JSON of `millracer models --json`: `millracer.models.v1`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from millracer.domain.model_report import CheckedStageModel, ModelReport
from millracer.domain.models import AgentModels, AliasModel, Credentials, ModelOrigin
from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument, StepDocument
from millracer.schemas.run.outcome_error import OutcomeError


class OuterModelDocument(Published):
    """The model of the outer pi.

    Attributes:
        provider: null if pi has no model.
        model: its id at the provider.
        thinking: the thinking level that pi is started with.
        credentials: whether pi has credentials for the provider.
        origin: `option`, `environment`, `user_file` or `workspace_file`, or `pi` for its own
            settings.
    """

    provider: str | None
    model: str | None
    thinking: str
    credentials: bool
    origin: str


class StageModelDocument(Published):
    """The model of one stage.

    Attributes:
        stage: the stage's name in the mode.
        runner: the program that runs it: `pi_rpc`, `codex_cli` or a command of the configuration.
        alias: Millrace's model alias, null without one.
        name: the model's name as the runner gets it; null: the runner selects the model.
        provider: the provider of the model that pi selects for the name, null if not known.
        model: the id of that model.
        thinking: the thinking level, null where none is set.
        credentials: `ambiguous`: several providers with credentials have the model; null: the stage
            does not run on pi, and is not checked.
        origin: `default`: Millrace's default; `workspace`: the workspace's Millrace configuration;
            `mode`: the mode's definition; `runner`: the runner selects it.
    """

    stage: str
    runner: str
    alias: str | None
    name: str | None
    provider: str | None
    model: str | None
    thinking: str | None
    credentials: Credentials | None
    origin: ModelOrigin

    @classmethod
    def each(cls, checked: CheckedStageModel) -> list[Self]:
        """Return one part for each stage of a model."""
        stage, found = checked.stage, checked.resolution
        model = None if found is None else found.model
        return [
            cls(
                stage=name,
                runner=stage.runner,
                alias=stage.alias,
                name=stage.model,
                provider=None if model is None else model.provider,
                model=None if model is None else model.model_id,
                thinking=stage.thinking,
                credentials=None if found is None else found.credentials,
                origin=stage.origin,
            )
            for name in stage.stages
        ]


class AliasDocument(Published):
    """A model alias of Millrace.

    Attributes:
        alias: its name.
        model: the model as pi's `--model` takes it.
        thinking: the thinking level.
        origin: `default`: Millrace's default; `workspace`: the workspace's Millrace configuration.
    """

    alias: str
    model: str
    thinking: str
    origin: ModelOrigin


class ModelsUnknown(OutcomeError):
    """The models could not be read or set."""

    result: ModelsResult


class ModelsResult(Published):
    """The models of a workspace.

    Attributes:
        schema_version: the format of this document.
        workspace: the absolute path of the workspace; null if the command failed.
        mode: the mode of the stages; null in a directory that was never initialised.
        outer: null if pi could not be asked.
        stages: in the order of the mode's planes.
        aliases: Millrace's model aliases; empty where this Millrace has none.
        new_stage_model: the model that the stages get with the first delegated task; null in a
            workspace that exists.
        changed: the aliases that `models set` changed.
        available: the models that pi has credentials for, as `provider/id`.
        millrace_version: the version of Millrace; null if the command failed.
        pi_version: the version of pi; null if the command failed.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty unless it did.
        next_steps: the command that gives stages without credentials another model.
    """

    schema_version: Literal["millracer.models.v1"] = "millracer.models.v1"
    workspace: str | None = None
    mode: str | None = None
    outer: OuterModelDocument | None = None
    stages: list[StageModelDocument] = Field(default_factory=list)
    aliases: list[AliasDocument] = Field(default_factory=list)
    new_stage_model: str | None = None
    changed: list[AliasDocument] = Field(default_factory=list)
    available: list[str] = Field(default_factory=list)
    millrace_version: str | None = None
    pi_version: str | None = None
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)
    next_steps: list[StepDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the models were read, and set where that was requested.

        Raises:
            ModelsUnknown: otherwise; the error's `result` is this document.
        """
        if not self.errors:
            return
        raise ModelsUnknown(
            self,
            "the models could not be read or set",
            outcome="failed",
            errors=self.errors,
            next_steps=self.next_steps,
        )


def describe_models(report: ModelReport, warnings: tuple[RunWarning, ...] = ()) -> ModelsResult:
    """Convert a report into its published shape."""
    return ModelsResult(
        workspace=report.workspace,
        mode=report.mode,
        outer=_outer(report.models, report.thinking, report.origin),
        stages=[each for stage in report.stages for each in StageModelDocument.each(stage)],
        aliases=[_alias(each) for each in report.aliases],
        new_stage_model=None if report.new_stage_model is None else str(report.new_stage_model),
        changed=[_alias(each) for each in report.changed],
        available=[str(model) for model in report.models.usable],
        millrace_version=report.millrace_version,
        pi_version=report.pi_version,
        warnings=[str(warning) for warning in (*warnings, *report.warnings)],
        next_steps=[StepDocument.of(step) for step in report.next_steps],
    )


def describe_failure(error: MillracerError, _command: str | None = None) -> ModelsResult:
    """Return the document of a command that failed."""
    return ModelsResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def _outer(models: AgentModels, thinking: str, origin: str) -> OuterModelDocument:
    selected = models.selected
    return OuterModelDocument(
        provider=None if selected is None else selected.provider,
        model=None if selected is None else selected.model_id,
        thinking=thinking,
        credentials=models.is_usable,
        origin=origin,
    )


def _alias(alias: AliasModel) -> AliasDocument:
    return AliasDocument.of(alias)
