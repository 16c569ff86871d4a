"""Declarations of command options with their environment variables.

`parameters` generates the shared options from the table in `domain.run_options`.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from millracer.cli.options import completion as shell_completion
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.checks import split_command
from millracer.domain.programs import variable_of
from millracer.domain.requests import IntakeKind
from millracer.domain.run.options import (
    COMMAND_LINE_OPTIONS,
    RUN_OPTIONS,
    Form,
    Group,
    Option,
)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number")
    return value


def _split_commands(
    context: typer.Context, parameter: typer.CallbackParam, texts: list[str] | None
) -> list[tuple[str, ...]] | None:
    """Split each text into words; the variable of the option has one command a line."""
    source = context.get_parameter_source(str(parameter.name))
    if source is not None and source.name == "ENVIRONMENT":
        (variable,) = (option.variable for option in RUN_OPTIONS if option.name == parameter.name)
        texts = [line for line in os.environ[variable].splitlines() if line.strip()]
    try:
        return None if texts is None else [split_command(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(f"it is not a command: {error}") from error


#: The groups of options that are not in the table.
OUTPUT_GROUP = "Output"
_TASK_GROUP = Group.TASK.value


def _option(
    *names: str,
    help_text: str,
    group: str,
    complete: Callable[..., list[str]] | None = None,
) -> Any:
    variables = [variable_of(name) for name in names if name.startswith("--")]
    return typer.Option(
        *names,
        # An error shows a list as Python writes it.
        envvar=variables[0] if len(variables) == 1 else variables,
        help=help_text,
        autocompletion=complete,
        rich_help_panel=group,
    )


def parameters(names: Iterable[str] | None = None) -> list[inspect.Parameter]:
    """Return the shared options as signature parameters for Typer.

    Args:
        names: the options to return; None: all.
    """
    wanted = None if names is None else frozenset(names)
    return [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default or None if option.kind is tuple else option.default,
            annotation=Annotated[_type_of(option), _typer_option(option)],
        )
        for option in COMMAND_LINE_OPTIONS
        if wanted is None or option.name in wanted
    ]


def _type_of(option: Option) -> Any:
    kind: Any = Path if option.kind in {str, tuple} and option.form is Form.PATH else option.kind
    if option.kind is tuple:
        kind = list[Path] if kind is Path else list[str]
    return kind | None if option.default in {None, ()} else kind


def _typer_option(option: Option) -> Any:
    negatable = option.kind is bool and option.default is True
    declaration = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
    return typer.Option(
        declaration if negatable else option.flag,
        *(() if option.short is None else (option.short,)),
        envvar=option.variable,
        metavar=_metavar(option),
        rich_help_panel=option.group.value,
        help=option.help_text,
        min=option.minimum,
        callback=_callback(option),
        autocompletion=getattr(shell_completion, option.completion) if option.completion else None,
    )


def _callback(option: Option) -> Callable[..., Any] | None:
    if option.form is Form.ARGV:
        return _split_commands
    return _finite if option.kind is float else None


def _metavar(option: Option) -> str | None:
    """Return the name of an option's value in the help; None where Typer knows a better one."""
    if option.name == "workspace":
        return "PATH|ID"
    if option.form is Form.PATH:
        return "PATH"
    if option.form in {Form.PROGRAM, Form.ARGV}:
        return "COMMAND"
    if option.kind is float:
        return "SECONDS"
    if option.kind is int:
        return "N"
    return "TEXT" if option.kind is str else None


def _shared(name: str) -> Any:
    (parameter,) = parameters((name,))
    return parameter.annotation.__metadata__[0]


Task = Annotated[
    list[str] | None,
    typer.Argument(help="Task text; read from standard input when omitted.", show_default=False),
]
Workspace = Annotated[Path | None, _shared("workspace")]
SessionId = Annotated[str | None, _shared("session_id")]
PiCommand = Annotated[str | None, _shared("pi_command")]
MillraceCommand = Annotated[str | None, _shared("millrace_command")]
DemoIntake = Annotated[
    IntakeKind,
    _option(
        "--intake",
        help_text="Intake kind of the demo task; it determines the stages.",
        group=_TASK_GROUP,
    ),
]
RequestJson = Annotated[
    bool,
    _option(
        "--request-json",
        "--benchmark-json",
        help_text="Read a request as JSON from standard input; see `millracer schema run-request`.",
        group=_TASK_GROUP,
    ),
]
Output = Annotated[
    OutputFormat | None,
    _option(
        "--output", "-o", help_text="Format of standard output (default: text).", group=OUTPUT_GROUP
    ),
]
RequestId = Annotated[
    str | None,
    _option(
        "--request-id",
        help_text="Id of this request; repeating it with the same task is idempotent.",
        group=_TASK_GROUP,
    ),
]
Resume = Annotated[
    str | None,
    _option(
        "--resume",
        help_text="Continue this work item, as `millracer watch ID` does.",
        group=_TASK_GROUP,
        complete=shell_completion.items,
    ),
]
ExitZero = Annotated[
    bool,
    _option(
        "--exit-zero",
        help_text="Exit 0 for every outcome except internal errors and invalid use.",
        group=OUTPUT_GROUP,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Read one request as JSON from standard input.")]
Jsonl = Annotated[
    bool,
    typer.Option(
        "--jsonl",
        help="Read JSON requests, one per line, until end of input; print each result on one line.",
    ),
]
StreamJson = Annotated[
    bool,
    _option(
        "--stream-json",
        help_text="Print each event as one line of JSON, and the result as the last line.",
        group=OUTPUT_GROUP,
    ),
]
After = Annotated[
    str | None,
    _option(
        "--after",
        help_text="With --stream-json: only events after this cursor.",
        group=OUTPUT_GROUP,
    ),
]
Observe = Annotated[
    bool,
    _option(
        "--observe",
        help_text="Only read: start no daemon, stop none, and write nothing.",
        group=_TASK_GROUP,
    ),
]
Quiet = Annotated[
    bool,
    _option(
        "--quiet",
        "-q",
        help_text="Do not print progress to standard error.",
        group=OUTPUT_GROUP,
    ),
]
