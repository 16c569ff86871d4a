"""The `millracer` command: parse, call, print. No rules live here."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from millracer import __version__
from millracer.domain.work import Finalizer, IntakePreference, RoutePreference
from millracer.errors import ExitCode, UsageError
from millracer.interfaces import run_options as option

_EXIT_CODES = (
    "Exit codes: 0 completed, 1 internal error, 2 invalid use or request, 3 incomplete, "
    "4 blocked, 5 restart needed, 6 crashed, 7 timed out, 8 failed (a needed tool is missing, "
    "incompatible or failed), 130 or 143 cancelled."
)

app = typer.Typer(
    name="millracer",
    help="The local operations gateway for Millrace: one task in, one truthful result out.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if asked:
        typer.echo(f"millracer {__version__}")
        raise typer.Exit


@app.callback()
def millracer(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """The local operations gateway for Millrace: one task in, one truthful result out."""


@app.command(epilog=_EXIT_CODES)
def run(  # noqa: PLR0913 - one parameter per option
    *,
    task: option.Task = None,
    route: option.Route = RoutePreference.AUTO,
    intake: option.Intake = IntakePreference.AUTO,
    workspace: option.Workspace = Path(),
    cwd: option.Cwd = None,
    millrace_mode: option.MillraceMode = None,
    thinking: option.Thinking = "high",
    provider: option.Provider = None,
    model: option.Model = None,
    skill: option.Skill = None,
    no_default_skills: option.NoDefaultSkills = False,
    daemon_timeout_seconds: option.DaemonTimeout = 7200.0,
    max_daemon_restarts: option.MaxDaemonRestarts = 1,
    poll_interval_seconds: option.PollInterval = 60.0,
    pi_timeout_seconds: option.PiTimeout = 3600.0,
    keep_daemon: option.KeepDaemon = False,
    pi_command: option.PiCommand = "pi",
    millrace_command: option.MillraceCommand = "millrace",
    benchmark_json: option.BenchmarkJson = False,
    output: option.Output = option.OutputFormat.TEXT,
    request_id: option.RequestId = None,
    resume: option.Resume = None,
    finalizer: option.FinalizerChoice = Finalizer.PI,
    exit_zero: option.ExitZero = False,
    quiet: option.Quiet = False,
) -> None:
    """Run one task to its end and print one answer, or one JSON result."""
    from millracer.interfaces import run_command  # noqa: PLC0415 - `--help` does not pay for a run

    raise typer.Exit(
        run_command.run(
            run_command.RunOptions(
                task=tuple(task or ()),
                route=route,
                intake=intake,
                workspace=workspace,
                cwd=cwd,
                millrace_mode=millrace_mode,
                thinking=thinking,
                provider=provider,
                model=model,
                skills=tuple(skill or ()),
                no_default_skills=no_default_skills,
                daemon_timeout_seconds=daemon_timeout_seconds,
                max_daemon_restarts=max_daemon_restarts,
                poll_interval_seconds=poll_interval_seconds,
                pi_timeout_seconds=pi_timeout_seconds,
                keep_daemon=keep_daemon,
                pi_command=pi_command,
                millrace_command=millrace_command,
                benchmark_json=benchmark_json,
                output=output,
                request_id=request_id,
                resume=resume,
                finalizer=finalizer,
                exit_zero=exit_zero,
                quiet=quiet,
            )
        )
    )


@app.command(epilog=_EXIT_CODES)
def demo(
    *,
    millrace_command: option.MillraceCommand = "millrace",
    pi_command: option.PiCommand = "pi",
    output: option.Output = option.OutputFormat.JSON,
) -> None:
    """Show one delegated task on the real tools with a scripted model; needs no credentials."""
    from millracer.interfaces import demo_command  # noqa: PLC0415

    raise typer.Exit(
        demo_command.demo(millrace_command=millrace_command, pi_command=pi_command, output=output)
    )


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; a JSON caller gets JSON for wrong use too."""
    try:
        code = app(args=list(arguments), prog_name="millracer", standalone_mode=False)
    except TyperException as wrong_use:
        return _refuse(arguments, wrong_use)
    return code if isinstance(code, int) else ExitCode.COMPLETED


def _refuse(arguments: Sequence[str], wrong_use: TyperException) -> int:
    from millracer.domain.result import failed_result  # noqa: PLC0415 - only wrong use pays
    from millracer.interfaces.terminal import say  # noqa: PLC0415

    known = arguments and arguments[0] in {"run", "demo"}
    command = f"millracer {arguments[0]}" if known else "millracer"
    error = UsageError(
        wrong_use.format_message(), suggested_action=f"see the options with `{command} --help`"
    )
    say(f"error: {error.message}\n  next: {error.suggested_action}")
    if _wants_json(arguments):
        from millracer.contracts.run_result import render_result  # noqa: PLC0415

        result = failed_result(f"run-{uuid.uuid4().hex}", str(Path.cwd()), __version__, error)
        typer.echo(render_result(result))
    return ExitCode.USAGE


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the caller asked for JSON, read from a command line that did not parse."""
    before_task = list(arguments)[: arguments.index("--")] if "--" in arguments else arguments
    asked = os.environ.get("MILLRACER_OUTPUT", "")
    for at, word in enumerate(before_task):
        if word.startswith("--output="):
            asked = word.partition("=")[2]
        elif word == "--output" and at + 1 < len(before_task):
            asked = before_task[at + 1]
    return asked == option.OutputFormat.JSON
