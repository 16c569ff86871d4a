"""The options of the commands that do work, each with its environment variable."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from millracer.cli import shell_completion
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.programs import variable_of
from millracer.domain.requests import (
    LEAST_SECONDS,
    Finalizer,
    IntakeKind,
    IntakePreference,
    PiSession,
    RoutePreference,
)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number")
    return value


def _option(name: str, help_text: str, *, complete: Callable[..., list[str]] | None = None) -> Any:
    return typer.Option(name, envvar=variable_of(name), help=help_text, autocompletion=complete)


def _seconds(name: str, help_text: str) -> Any:
    return typer.Option(
        name, envvar=variable_of(name), help=help_text, min=LEAST_SECONDS, callback=_finite
    )


Task = Annotated[
    list[str] | None,
    typer.Argument(help="Task text; read from standard input when omitted.", show_default=False),
]
Route = Annotated[
    RoutePreference, _option("--route", "Who does the task: let pi choose, or force it.")
]
Intake = Annotated[
    IntakePreference, _option("--intake", "Intake kind of a delegated task: chosen, or forced.")
]
DemoIntake = Annotated[
    IntakeKind, _option("--intake", "Intake kind of the work that is shown, and so its stages.")
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        envvar=variable_of("--workspace"),
        help="Root of the Millrace workspace.  [default: what the session selected, else .]",
        show_default=False,
    ),
]
Cwd = Annotated[
    Path | None,
    _option("--cwd", "Working directory of pi and Millrace, if not the workspace."),
]
MillraceMode = Annotated[
    str | None,
    _option(
        "--millrace-mode",
        "Millrace mode of delegated work.  [default: default_pi]",
        complete=shell_completion.modes,
    ),
]
Thinking = Annotated[str, _option("--thinking", "Thinking level of the outer pi.")]
Provider = Annotated[str | None, _option("--provider", "Model provider of the outer pi.")]
Model = Annotated[str | None, _option("--model", "Model of the outer pi.")]
Skill = Annotated[
    list[Path] | None,
    _option("--skill", "A skill folder or SKILL.md for the outer pi; repeatable."),
]
NoDefaultSkills = Annotated[
    bool, _option("--no-default-skills", "Do not look for Millrace's operator skills.")
]
DaemonTimeout = Annotated[
    float,
    _seconds("--daemon-timeout-seconds", "Longest wait for a delegated run."),
]
MaxDaemonRestarts = Annotated[
    int,
    typer.Option(
        "--max-daemon-restarts",
        envvar=variable_of("--max-daemon-restarts"),
        help="Restarts of a daemon that died with work left.",
        min=0,
    ),
]
PollInterval = Annotated[
    float,
    _seconds(
        "--poll-interval-seconds",
        "Ask Millrace at least this often although nothing changed on disk.",
    ),
]
PiTimeout = Annotated[float, _seconds("--pi-timeout-seconds", "Longest turn of pi.")]
KeepDaemon = Annotated[
    bool, _option("--keep-daemon", "Leave Millrace's daemon running at the end.")
]
PiSessionChoice = Annotated[
    PiSession,
    _option(
        "--pi-session",
        "One conversation with pi for the whole run, or a `pi --print` process a turn, "
        "which remembers nothing and is told of no stages.",
    ),
]
NotifyTerminalStages = Annotated[
    bool,
    typer.Option(
        "--notify-terminal-stages/--no-notify-terminal-stages",
        envvar=variable_of("--notify-terminal-stages"),
        help="Tell pi, in its conversation, of stages that end before the delegated run does.",
    ),
]
PiCommand = Annotated[
    str | None,
    _option("--pi-command", "The pi program.  [default: setup's, else pi on PATH]"),
]
MillraceCommand = Annotated[
    str | None,
    _option(
        "--millrace-command", "The Millrace program.  [default: setup's, else millrace on PATH]"
    ),
]
NoWarmMillrace = Annotated[
    bool,
    _option(
        "--no-warm-millrace",
        "Start a process for each Millrace command, instead of forking one that has started.",
    ),
]
BenchmarkJson = Annotated[
    bool, _option("--benchmark-json", "Read a request as JSON from standard input.")
]
Output = Annotated[OutputFormat, _option("--output", "What standard output carries.")]
RequestId = Annotated[
    str | None,
    _option("--request-id", "Name this request: the same name and text is the same work."),
]
SessionId = Annotated[
    str | None,
    _option(
        "--session-id",
        "Work in this session: what it selected applies, and it remembers.",
        complete=shell_completion.sessions,
    ),
]
Resume = Annotated[
    str | None,
    _option(
        "--resume",
        "Continue this work item instead of starting a task.",
        complete=shell_completion.items,
    ),
]
FinalizerChoice = Annotated[
    Finalizer, _option("--finalizer", "Who writes the answer of a delegated run.")
]
ExitZero = Annotated[
    bool, _option("--exit-zero", "Exit 0 for every outcome but internal errors and wrong use.")
]
Json = Annotated[bool, typer.Option("--json", help="Read one request as JSON from standard input.")]
Jsonl = Annotated[
    bool,
    typer.Option(
        "--jsonl",
        help="Stay: requests as JSON, one a line; results, one a line, as each is done.",
    ),
]
StreamJson = Annotated[
    bool, typer.Option("--stream-json", help="Reserved for a stream of events; refused so far.")
]
Quiet = Annotated[bool, _option("--quiet", "No progress on standard error.")]
