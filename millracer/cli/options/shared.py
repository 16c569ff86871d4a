"""Declarations of command options with their environment variables.

`parameters` generates the shared options from the table in `domain.run_options`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from millracer.cli.options import completion as shell_completion
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.programs import variable_of
from millracer.domain.requests import IntakeKind
from millracer.domain.run.options import COMMAND_LINE_OPTIONS, Form, Option


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number")
    return value


def _option(name: str, help_text: str, *, complete: Callable[..., list[str]] | None = None) -> Any:
    return typer.Option(name, envvar=variable_of(name), help=help_text, autocompletion=complete)


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
        envvar=option.variable,
        help=option.help_text,
        min=option.minimum,
        callback=_finite if option.kind is float else None,
        autocompletion=getattr(shell_completion, option.completion) if option.completion else None,
    )


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
    IntakeKind, _option("--intake", "Intake kind of the demo task; it determines the stages.")
]
BenchmarkJson = Annotated[
    bool, _option("--benchmark-json", "Read a request as JSON from standard input.")
]
Output = Annotated[OutputFormat, _option("--output", "Format of standard output.")]
RequestId = Annotated[
    str | None,
    _option("--request-id", "Id of this request; repeating it with the same task is idempotent."),
]
Resume = Annotated[
    str | None,
    _option(
        "--resume",
        "Continue this work item instead of starting a new task.",
        complete=shell_completion.items,
    ),
]
ExitZero = Annotated[
    bool, _option("--exit-zero", "Exit 0 for every outcome except internal errors and invalid use.")
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
    bool, typer.Option("--stream-json", help="Reserved for an event stream; not supported yet.")
]
Quiet = Annotated[bool, _option("--quiet", "Do not print progress to standard error.")]
