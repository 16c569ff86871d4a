"""Choose and check the models of the stages, before a request is stored.

A workspace that this run initialises gets pi's model. Another one changes only on request. A stage
whose model has no credentials is refused here, because Millrace would accept the item and block it.
What cannot be checked is reported as a warning and never refused.
"""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.models import (
    AliasModel,
    ModelChoice,
    StageModel,
    StageModels,
)
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.errors import (
    MillracerError,
    StageModelConflict,
    StageModelUnavailable,
    WorkspaceUnusable,
)
from millracer.ports import Backend, DaemonControl, ModelLister
from millracer.run.context import RunContext
from millracer.run.prepare.mode import wanted_mode
from millracer.run.prepare.model_check import ModelCheck, describe_usable

_LOCK_SECONDS = 150.0


def refuse_without_model(record: RunContext, millrace: Backend, pi: ModelLister) -> None:
    """Refuse to initialise a workspace for stages that would have no usable model.

    Raises:
        StageModelUnavailable: pi has no credentials for the chosen model, or for any.
    """
    request = record.request
    if not request.check_models or wanted_mode(record).mode != DEFAULT_MODE:
        return
    found = ModelCheck(record, millrace, pi)
    if request.stage_model is not None:
        found.refuse(_stages_of(request.stage_model))
    elif not found.models_or_warn(fresh_unless_usable=True):
        return
    elif not found.models.is_usable:
        raise StageModelUnavailable(
            "the stages have no model: pi has no credentials for "
            f"{found.models.selected or 'any model'}{describe_usable(found.models)}",
            suggested_action="log in with pi, set the provider's API key, or name a model with "
            "credentials with --stage-model",
        )


def settle_stage_models(
    record: RunContext, millrace: Backend, pi: ModelLister, *, initialised: bool
) -> None:
    """Set the models of the stages where the run must, and refuse models without credentials.

    Args:
        record: the run; its mode is compiled.
        millrace: the workspace's backend.
        pi: the models of pi.
        initialised: this run initialised the workspace, so the stages get pi's model.

    Raises:
        StageModelUnavailable: a stage on pi would use a model without credentials.
        StageModelConflict: a model must change, and a daemon runs.
    """
    request = record.request
    if not (request.check_models or request.stage_model or initialised):
        return
    checker = ModelCheck(record, millrace, pi)
    stages = _read(record, millrace)
    if stages is None:
        return
    choice = request.stage_model or (checker.default_choice() if initialised else None)
    if choice is not None:
        stages = _assign(record, millrace, stages, choice, every_alias=initialised)
    if request.check_models:
        checker.refuse(stages)


def conflict(models: str, millrace: Backend) -> StageModelConflict:
    """Return the error that a running daemon uses other models than these."""
    return StageModelConflict(
        f"the stages cannot get {models}: the daemon that works here uses other models",
        suggested_action=f"stop it first with `{millrace.commands.millracer('stop')}`, or keep its "
        "models",
    )


def assign(
    control: DaemonControl,
    millrace: Backend,
    mode: str,
    changes: tuple[AliasModel, ...],
    wait: Wait,
) -> StageModels:
    """Change model aliases, compile the mode with them, and return the new models.

    Raises:
        ToolFailed: Millrace refused.
        WorkspaceUnusable: the mode does not compile with them.
    """
    control.set_stage_models(changes, wait)
    validation = control.validate_mode(mode, wait)
    if not validation.ok:
        raise WorkspaceUnusable(
            f"Millrace mode {mode} does not compile with these models: {validation.detail}",
            suggested_action="name other models with `millracer models set`",
        )
    return millrace.read_stage_models()


def _read(record: RunContext, millrace: Backend) -> StageModels | None:
    try:
        return millrace.read_stage_models()
    except MillracerError as error:
        record.warn(
            "stage_models_unchecked",
            f"the models of the stages were not checked: {error.message}",
        )
        return None


def _assign(
    record: RunContext,
    millrace: Backend,
    stages: StageModels,
    choice: ModelChoice,
    *,
    every_alias: bool,
) -> StageModels:
    changes = stages.changes_to(choice, every_alias=every_alias)
    if changes:
        with millrace.supervisor.control(record.wait.within(_LOCK_SECONDS)) as control:
            if control.running(record.wait) is not None:
                raise conflict(str(choice), millrace)
            mode = record.mode or DEFAULT_MODE
            stages = assign(control, millrace, mode, changes, record.wait)
        shown = ", ".join(map(str, changes))
        record.warn("stage_models_set", f"the stages of this workspace now use {shown}")
    fixed = [
        name for each in stages.fixed() if each.model != str(choice.model) for name in each.stages
    ]
    if fixed and record.request.stage_model is not None:
        record.warn(
            "stage_model_fixed",
            f"the mode or the configuration fixes the model of {', '.join(fixed)}",
        )
    return stages


def _stages_of(choice: ModelChoice) -> StageModels:
    """Return the models of a workspace that does not exist yet, with a chosen model."""
    stage = StageModel(runner="pi", model=str(choice.model), alias=None, stages=("the stages",))
    return StageModels(mode=DEFAULT_MODE, stages=(stage,))
