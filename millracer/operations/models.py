"""Report the models of pi and of the stages, and change those of the stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from millracer.cancellation import Wait
from millracer.domain.configuration import ValueOrigin
from millracer.domain.model_report import CheckedStageModel, ModelReport
from millracer.domain.models import (
    AgentModels,
    AliasModel,
    Credentials,
    ModelChoice,
    StageModel,
    StageModels,
)
from millracer.domain.operations.requests import ModelsRequest
from millracer.domain.run.result import NextStep
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.errors import (
    ExitCode,
    InvalidRequest,
    MillracerError,
    ProtocolError,
    RunWarning,
    StageModelUnavailable,
    WorkspaceUnusable,
)
from millracer.operations.answer import Answer
from millracer.operations.context import PI_CLOSE_SECONDS, OperationContext
from millracer.operations.control import require_workspace
from millracer.operations.options import Merged, choose_stage_model
from millracer.ports import Agent, Backend, DaemonControl
from millracer.run.prepare.model_check import describe_unavailable, find_resolution, suggest_model
from millracer.run.prepare.stage_models import assign, conflict
from millracer.schemas.models import ModelsResult, describe_models

_LIST_SECONDS = 60.0
_LOCK_SECONDS = 30.0


def answer_models(request: ModelsRequest, context: OperationContext) -> Answer[ModelsResult]:
    """Change the models of the stages as requested, then report those of pi and of each stage.

    A change needs an initialised workspace in which no daemon runs.
    """
    with _opened(context) as scene:
        if request.choices or request.follow_pi:
            return _set_models(request, scene)
        if not request.compiles:
            return scene.answer(scene.read_compiled_stages())
        return scene.answer(scene.read_stages() if scene.millrace.is_initialised else None)


def _set_models(request: ModelsRequest, scene: _Scene) -> Answer[ModelsResult]:
    require_workspace(scene.millrace, scene.wait)
    choices = [_parse(text) for text in request.choices]
    if request.follow_pi:
        choices.append((None, scene.choice_of_pi()))
    if request.check_models:
        scene.refuse_unavailable([choice for _, choice in choices])
    with scene.control() as control:
        before = scene.read_stages_under(control)
        changes = _changes(before, choices)
        if not changes:
            return scene.answer(before)
        if control.running(scene.wait) is not None:
            raise conflict(", ".join(map(str, changes)), scene.millrace)
        after = assign(control, scene.millrace, scene.mode, changes, scene.wait)
    return scene.answer(after, changed=changes)


@dataclass(slots=True, kw_only=True)
class _Scene:
    """The workspace, its Millrace, and a pi whose models are listed."""

    context: OperationContext
    merged: Merged
    millrace: Backend
    pi: Agent
    warnings: tuple[RunWarning, ...]
    _models: AgentModels | None = None

    @property
    def wait(self) -> Wait:
        return Wait(self.context.cancellation)

    @property
    def mode(self) -> str:
        return self.merged.options.millrace_mode or DEFAULT_MODE

    @property
    def models(self) -> AgentModels:
        """The models of pi, asked for once."""
        if self._models is None:
            self._models = self.pi.list_models(self.wait.within(_LIST_SECONDS))
        return self._models

    @contextmanager
    def control(self) -> Iterator[DaemonControl]:
        with self.millrace.supervisor.control(self.wait.within(_LOCK_SECONDS)) as control:
            yield control

    def read_compiled_stages(self) -> StageModels | None:
        """Return the models of the stages as compiled last, None without; writes nothing."""
        with suppress(ProtocolError):
            return self.millrace.read_stage_models()
        return None

    def read_stages(self) -> StageModels:
        """Return the models of the stages: those of the daemon if one runs."""
        with self.control() as control:
            return self.read_stages_under(control)

    def read_stages_under(self, control: DaemonControl) -> StageModels:
        if control.running(self.wait) is None:
            validation = control.validate_mode(self.mode, self.wait)
            if not validation.ok:
                raise WorkspaceUnusable(
                    f"Millrace mode {self.mode} cannot be used in {self.millrace.workspace}: "
                    f"{validation.detail}",
                    suggested_action="name another mode with --millrace-mode",
                )
        return self.millrace.read_stage_models()

    def choice_of_pi(self) -> ModelChoice:
        """Return pi's model as the choice for all aliases."""
        selected = self.models.selected
        if selected is None:
            raise StageModelUnavailable(
                "pi has no model", suggested_action="log in with pi, or set a provider's API key"
            )
        return ModelChoice(model=selected)

    def refuse_unavailable(self, choices: list[ModelChoice]) -> None:
        """Refuse models that pi has no credentials for."""
        stages = [
            StageModel(runner="pi", model=str(choice.model), alias=None, stages=("the stages",))
            for choice in choices
        ]
        found = [(each.stage, each.resolution) for each in map(self.check, stages)]
        failed = [
            (stage, resolution)
            for stage, resolution in found
            if resolution is not None and resolution.credentials is not Credentials.YES
        ]
        if failed:
            raise StageModelUnavailable(
                describe_unavailable(failed, self.models),
                suggested_action="name a model that `millracer models --all` lists, or use "
                "--no-model-check",
            )

    def check(self, stage: StageModel) -> CheckedStageModel:
        """Return how pi resolves the model of stages; nothing for those of another program."""
        resolution = None
        if stage.on_agent:
            limit = self.wait.within(_LIST_SECONDS)
            resolution = find_resolution(stage, self.models, self.pi, limit)
        return CheckedStageModel(stage=stage, resolution=resolution)

    def answer(
        self, stages: StageModels | None, *, changed: tuple[AliasModel, ...] = ()
    ) -> Answer[ModelsResult]:
        checked = () if stages is None else tuple(map(self.check, stages.stages))
        chosen = choose_stage_model(self.merged.options.stage_model)
        new_model = self.models.selected if chosen is None else chosen.model
        report = ModelReport(
            workspace=self.millrace.workspace,
            mode=None if stages is None else stages.mode,
            models=self.models,
            thinking=self.merged.options.thinking,
            origin=_origin(self.merged),
            stages=checked,
            aliases=() if stages is None else stages.aliases,
            new_stage_model=new_model if stages is None else None,
            changed=changed,
            millrace_version=self.millrace.version,
            pi_version=self.pi.version,
            warnings=(*self.warnings, *self.pi.notices),
            next_steps=self._next_steps(checked),
        )
        return Answer(result=describe_models(report), exit_code=ExitCode.COMPLETED)

    def _next_steps(self, checked: tuple[CheckedStageModel, ...]) -> tuple[NextStep, ...]:
        failed = next(filter(_is_unusable, checked), None)
        if failed is None or failed.resolution is None or failed.stage.alias is None:
            return ()
        model = suggest_model(failed.resolution, self.models)
        if model is None:
            return ()
        command = self.millrace.commands.millracer("models", "set", str(model))
        return (NextStep("fix", command),)


@contextmanager
def _opened(context: OperationContext) -> Iterator[_Scene]:
    place = context.find_workspace()
    merged = context.options.for_workspace(place.root_path, session_mode=place.mode)
    pi = context.tools.agent(place.root_path, merged.options)
    try:
        with suppress(MillracerError):  # raised again when the models are listed
            pi.begin()
        millrace = context.tools.millrace(place.root_path, merged.options)
        millrace.check_supported(Wait(context.cancellation))
        yield _Scene(
            context=context,
            merged=merged,
            millrace=millrace,
            pi=pi,
            warnings=(*place.warnings, *context.memory.warnings),
        )
    finally:
        pi.close(Wait(context.cancellation).cleaning_up(PI_CLOSE_SECONDS))


def _parse(text: str) -> tuple[str | None, ModelChoice]:
    """Read `[ALIAS=]PROVIDER/MODEL[:THINKING]`."""
    alias, equals, rest = text.partition("=")
    choice = choose_stage_model(rest if equals else text)
    if choice is None:
        raise InvalidRequest("a model is empty", suggested_action="name it as PROVIDER/MODEL")
    return (alias if equals else None), choice


def _changes(
    stages: StageModels, choices: list[tuple[str | None, ModelChoice]]
) -> tuple[AliasModel, ...]:
    """Return the aliases that change; a choice for one alias precedes one for all."""
    wanted = {each.alias: each for each in stages.aliases}
    if not wanted:
        raise WorkspaceUnusable(
            "this Millrace has no model aliases: its stages use the model that pi selects",
            suggested_action="select the model in pi, or install the tested Millrace with "
            "`millracer setup`",
        )
    for alias, choice in sorted(choices, key=lambda each: each[0] is not None):
        if alias is not None and alias not in wanted:
            raise InvalidRequest(
                f"there is no model alias {alias}; there are {', '.join(wanted)}",
                field="alias",
                suggested_action="name one of these aliases, or none to change all",
            )
        for name in wanted if alias is None else (alias,):
            held = wanted[name]
            thinking = choice.thinking or held.thinking
            wanted[name] = replace(held, model=str(choice.model), thinking=thinking)
    return tuple(each for each in wanted.values() if each not in stages.aliases)


def _origin(merged: Merged) -> str:
    found = [merged.origins[name] for name in ("model", "provider")]
    named = next((origin for origin in found if origin is not ValueOrigin.DEFAULT), None)
    return "pi" if named is None else str(named)


def _is_unusable(checked: CheckedStageModel) -> bool:
    found = checked.resolution
    return found is not None and found.credentials is not Credentials.YES
