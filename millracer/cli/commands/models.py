"""`millracer models`: the model of pi and of each stage; `millracer models set` changes them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import completion
from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import ModelsRequest
from millracer.errors import UsageError

if TYPE_CHECKING:
    from millracer.schemas.models import ModelsResult, StageModelDocument

_SET = "set"
_SHOWN_STAGES = 2
_ORIGINS = {
    "default": "Millrace's default",
    "workspace": "set in this workspace",
    "mode": "fixed by the mode",
    "runner": "its own choice",
}


@with_options(
    *queue_options.HERE,
    *("millrace_mode", "provider", "model", "thinking", "stage_model", "no_model_check"),
    "pi_command",
)
@with_output
def models(
    common: CommonOptions,
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="set [ALIAS=]PROVIDER/MODEL[:THINKING]",
            help="`set` gives all model aliases, or the named ones, a model.",
            show_default=False,
            autocompletion=completion.model_words,
        ),
    ] = None,
    follow_pi: Annotated[
        bool,
        typer.Option("--follow-pi", help="With `set`: give all model aliases the model of pi."),
    ] = False,
    show_all: Annotated[
        bool,
        typer.Option("--all", help="Also list every model that pi has credentials for."),
    ] = False,
    as_json: bool = False,
) -> None:
    """Show or set the models of pi and the stages.

    `set` changes the models of the stages. Without it, only Millrace's compiled plan may change.
    The JSON lists every available model.
    """
    show = partial(_show, show_all=show_all)
    if not words and not follow_pi:
        perform(OperationName.MODELS, common, lambda _: ModelsRequest(), show, as_json=as_json)
    action, *choices = words or [""]
    if action != _SET or not (choices or follow_pi):
        raise UsageError(
            "models takes no arguments, or `set` and a model",
            suggested_action="use `millracer models set PROVIDER/MODEL`, or `millracer models set "
            "--follow-pi`",
        )
    request = ModelsRequest(
        choices=tuple(choices),
        follow_pi=follow_pi,
        check_models=not common.options.anywhere.options.no_model_check,
    )
    perform(OperationName.MODELS, common, lambda _: request, show, as_json=as_json)


def _show(result: ModelsResult, *, show_all: bool) -> str | None:
    from millracer.cli.terminal.tables import table  # noqa: PLC0415 - `--help` does not need it

    say_warnings(result.warnings)
    say_errors(result.errors)
    say_next_steps(result.next_steps)
    outer = result.outer
    if outer is None:
        return None
    model = "none" if outer.provider is None else f"{outer.provider}/{outer.model}"
    origin = "pi's own settings" if outer.origin == "pi" else outer.origin.replace("_", " ")
    rows = [("pi", model, outer.thinking, "yes" if outer.credentials else "no", origin)]
    lines = table(
        ("used by", "model", "thinking", "credentials", "set by"),
        [*rows, *(_row(each) for each in _grouped(result.stages))],
        shrinks=("set by", "used by"),
    )
    if result.new_stage_model is not None:
        lines.append(
            "not a Millrace workspace yet: the first delegated task gives its stages "
            f"{result.new_stage_model}"
        )
    if show_all:
        lines += ["models with credentials:", *(f"  {name}" for name in result.available)]
    return "\n".join(lines)


def _grouped(
    stages: list[StageModelDocument],
) -> list[tuple[list[str], StageModelDocument]]:
    """Return the stages of each model together, in their order."""
    groups: list[tuple[list[str], StageModelDocument]] = []
    for each in stages:
        bare = each.model_copy(update={"stage": ""})
        names = next((names for names, other in groups if other == bare), None)
        if names is None:
            groups.append(([each.stage], bare))
        else:
            names.append(each.stage)
    return groups


def _row(group: tuple[list[str], StageModelDocument]) -> tuple[str, ...]:
    names, stage = group
    shown = ", ".join(names)
    if len(names) > _SHOWN_STAGES:
        shown = f"{names[0]} and {len(names) - 1} more"
    if stage.provider is not None:
        model = f"{stage.provider}/{stage.model}"
    else:
        model = stage.name or "its own"
    credentials = stage.credentials or f"not checked ({stage.runner})"
    alias = "" if stage.alias is None else f"alias {stage.alias}, "
    return (shown, model, stage.thinking or "", credentials, f"{alias}{_ORIGINS[stage.origin]}")
