"""Checks of a workspace: what a delegated run would find in it and do about it."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from millracer.cancellation import Wait
from millracer.doctor.checks_machine import no_credentials
from millracer.doctor.context import CompiledMode, DoctorContext
from millracer.domain.doctor_report import CheckLevel, Finding
from millracer.domain.models import AgentModels, Credentials, ModelChoice, Resolution, StageModel
from millracer.domain.unseen import describe_unseen
from millracer.domain.work.items import ItemState
from millracer.errors import ToolFailed, ToolNotFound, ToolUnsupported
from millracer.operations.options import choose_stage_model
from millracer.pi.inspection import PiInspection
from millracer.ports import Backend
from millracer.run.prepare.model_check import (
    describe_model,
    describe_unavailable,
    find_resolution,
    suggest_model,
)

_SHOWN_ITEMS = 3


def workspace(context: DoctorContext, wait: Wait) -> Finding:
    """Check that the workspace is a writable directory."""
    memory = context.memory(wait)
    place = context.place = context.find_place(memory)
    path = place.root_path
    if not context.surroundings.may_write(path):
        return Finding(
            level=CheckLevel.FAIL,
            message=f"{path} cannot be written",
            next_command=f"chmod u+rwx {shlex.quote(path)}",
        )
    warnings = [warning.text for warning in place.warnings]
    if warnings:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{path}: {'; '.join(warnings)}",
            next_command=f"millracer doctor --workspace {shlex.quote(path)}",
        )
    return Finding(message=path)


def initialised(context: DoctorContext, wait: Wait) -> Finding:
    """Check that the workspace is initialised, and read its status."""
    millrace = context.millrace()
    if not millrace.is_initialised:
        return Finding(
            message="not a Millrace workspace yet; the first delegated task makes it one"
        )
    try:
        status = context.status = millrace.read_status(wait)
    except ToolFailed as refused:
        if not _is_cured_by_init(context, wait):
            raise
        return Finding(
            level=CheckLevel.WARNING,
            message=f"this Millrace must initialise it again, as the next delegated task does: "
            f"{refused.message}",
            next_command=millrace.commands.initialise(),
        )
    queued = sum(status.queue_depths.values())
    return Finding(message=f"initialised; {queued} queued, {status.active_run_count} active")


def mode(context: DoctorContext, wait: Wait) -> Finding:
    """Check that the mode of a run compiles, in a copy of the workspace."""
    choice = context.mode_choice
    source = _describe_source(choice.source)
    surroundings = context.surroundings
    copy = context.copies.enter_context(surroundings.copied_workspace(context.root_path, wait))
    millrace = context.tools.millrace(copy, context.here.options)
    millrace.check_supported(wait)
    millrace.initialise(wait)
    with millrace.supervisor.control(wait) as control:
        validation = control.validate_mode(choice.mode, wait)
    if not validation.ok:
        detail = validation.detail.replace(copy, context.root_path)
        here = context.millrace()
        is_of_another_version = here.is_initialised and not _has_status(here, wait)
        return Finding(
            level=CheckLevel.FAIL,
            message=f"mode {choice.mode}, named by {source}, cannot be used: {_first_line(detail)}",
            next_command=here.commands.upgrade()
            if is_of_another_version
            else here.commands.list_modes(),
            detail=detail,
        )
    context.mode = CompiledMode(
        choice=choice,
        copy=copy,
        resolve=control.resolve_mode,
        stage_models=surroundings.read_stage_models(copy),
    )
    resolved = control.resolve_mode(choice.mode)
    alias = "" if resolved == choice.mode else f" (alias of {resolved})"
    return Finding(message=f"mode {choice.mode}{alias}, named by {source}, compiles")


def daemon(context: DoctorContext, _wait: Wait) -> Finding:
    """Check whether a daemon works here, its owner, and whether a run can use it."""
    millrace, status = context.millrace(), context.status
    found = context.daemon = millrace.supervisor.find()
    if found is None:
        return Finding(message="no daemon works here; a delegated task starts one and ends it")
    if found.out_of_sight is not None and found.may_be_dead:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{describe_unseen(found)}; a run waits for it. Unlock the workspace only when "
            f"{found.out_of_sight.host} is gone",
            next_command=f"rm {shlex.quote(found.out_of_sight.lock_file)}",
        )
    works_in = found.mode_id or (None if status is None else status.mode_id)
    owner = "owned" if found.owned else "foreign: Millracer uses it and never ends it"
    message = f"process {found.pid} works here in mode {works_in or 'unknown'}; it is {owner}"
    compiled = context.mode
    if works_in is not None and compiled is not None and compiled.choice.binding:
        wanted = compiled.choice.mode
        if compiled.resolve(wanted) != compiled.resolve(works_in):
            return Finding(
                level=CheckLevel.FAIL,
                message=f"{message}, and a run would refuse to work in it: {wanted} was named",
                next_command=f"millracer run --millrace-mode {shlex.quote(works_in)}",
            )
    if status is not None and status.paused:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; it is paused by {status.pause_sources}: no new stage starts",
            next_command=_millracer_command(millrace, "resume"),
        )
    if status is not None and status.stop_requested:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{message}; it was asked to stop, and ends after its stage",
            next_command=_millracer_command(millrace, "status", "--watch"),
        )
    return Finding(message=message)


def stale_state(context: DoctorContext, wait: Wait) -> Finding:
    """Check whether a dead daemon left its lock or unfinished work behind."""
    millrace = context.millrace()
    if not millrace.is_initialised:
        return Finding(message="nothing is there yet")
    if not millrace.supervisor.is_stale(wait):
        return Finding(message="nothing stale")
    return Finding(
        level=CheckLevel.WARNING,
        message="a dead daemon left its lock, a stop request, or active work; "
        "the next delegated task clears it",
        next_command=_millracer_command(millrace, "stop"),
    )


def blocked_items(context: DoctorContext, _wait: Wait) -> Finding:
    """Check whether Millrace has blocked items."""
    millrace = context.millrace()
    blocked = [item for item in millrace.list_unfinished() if item.state is ItemState.BLOCKED]
    if not blocked:
        return Finding(message="none")
    shown = ", ".join(item.item_id for item in blocked[:_SHOWN_ITEMS])
    more = len(blocked) - _SHOWN_ITEMS
    return Finding(
        level=CheckLevel.WARNING,
        message=f"{len(blocked)}: {shown}{f' and {more} more' if more > 0 else ''}",
        next_command=millrace.commands.millracer("retry", blocked[0].item_id),
    )


def stage_model(context: DoctorContext, wait: Wait) -> Finding:
    """Check that pi has credentials for the models of the mode's stages, as a run does."""
    compiled, models = context.mode, context.models
    assert compiled is not None  # noqa: S101 - `mode` came before
    assert models is not None  # noqa: S101 - `pi_start` came before
    messages = [
        f"{', '.join(stage.stages)} run on {stage.runner}, which is not checked"
        for stage in compiled.stage_models.stages
        if not stage.on_agent
    ]
    checked = _stages_of_run(context, compiled, models)
    if checked:
        inspection = context.tools.inspect_stage_pi(
            context.root_path, context.here.options, compiled.copy
        )
        trouble = _trouble_with_program(context, inspection, wait)
        if trouble is not None:
            return trouble
        for stage in checked:
            found = find_resolution(stage, models, inspection, wait)
            if found.credentials is not Credentials.YES:
                return _without_model(context, stage, found, models)
            messages.append(f"stages use {describe_model(stage, found)}")
    return Finding(message="; ".join(dict.fromkeys(messages)) or "the mode has no stage")


def _stages_of_run(
    context: DoctorContext, compiled: CompiledMode, models: AgentModels
) -> tuple[StageModel, ...]:
    """Return the models on pi that a run uses: a new workspace or an option changes the aliases."""
    stages = compiled.stage_models
    choice = choose_stage_model(context.here.options.stage_model)
    if choice is None and not context.millrace().is_initialised and models.selected is not None:
        choice = ModelChoice(model=models.selected)
    return stages.with_choice(choice).checked()


def _trouble_with_program(
    context: DoctorContext, inspection: PiInspection, wait: Wait
) -> Finding | None:
    try:
        inspection.find_version(wait)
    except ToolUnsupported as refused:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"the stages are run by {inspection.program}, which is not checked: "
            f"{refused.message}",
            next_command="millracer demo",
        )
    except ToolNotFound:
        folder = shlex.quote(str(PurePath(context.pi().program).parent))
        return Finding(
            level=CheckLevel.FAIL,
            message=f"Millrace starts pi for its stages by the name {inspection.program}, "
            "which is not on PATH",
            next_command=f"export PATH={folder}:$PATH",
        )
    return None


def _without_model(
    context: DoctorContext, stage: StageModel, found: Resolution, models: AgentModels
) -> Finding:
    model, millrace = suggest_model(found, models), context.millrace()
    if model is None:
        return no_credentials(models, context.pi().command)
    if stage.alias is None:
        command = context.pi().command
    elif millrace.is_initialised:
        command = _millracer_command(millrace, "models", "set", str(model))
    else:
        command = f"millracer run --stage-model {shlex.quote(str(model))}"
    return Finding(
        level=CheckLevel.FAIL,
        message=describe_unavailable([(stage, found)], models),
        next_command=command,
    )


def _is_cured_by_init(context: DoctorContext, wait: Wait) -> bool:
    surroundings = context.surroundings
    with surroundings.copied_workspace(context.root_path, wait) as copy:
        millrace = context.tools.millrace(copy, context.here.options)
        if _has_status(millrace, wait):
            return False  # the fault is in a file that was not copied
        try:
            millrace.initialise(wait)
        except ToolFailed:
            return False
        return _has_status(millrace, wait)


def _has_status(millrace: Backend, wait: Wait) -> bool:
    try:
        millrace.read_status(wait)
    except ToolFailed:
        return False
    return True


def _millracer_command(millrace: Backend, *words: str) -> str:
    return millrace.commands.millracer(*words)


def _describe_source(source: str) -> str:
    return {"caller": "an option", "session": "the session or a file"}.get(source, "default")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it said nothing")
