"""The `millracer` command: parse, call, print. No rules live here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from millracer import __version__
from millracer.domain.work import (
    Finalizer,
    IntakeKind,
    IntakePreference,
    PiSession,
    RoutePreference,
)
from millracer.errors import ExitCode
from millracer.interfaces import run_options as option
from millracer.interfaces.output import OutputFormat

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
    pi_session: option.PiSessionChoice = PiSession.RPC,
    notify_terminal_stages: option.NotifyTerminalStages = True,
    pi_command: option.PiCommand = "pi",
    millrace_command: option.MillraceCommand = "millrace",
    benchmark_json: option.BenchmarkJson = False,
    output: option.Output = OutputFormat.TEXT,
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
                pi_session=pi_session,
                notify_terminal_stages=notify_terminal_stages,
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
    intake: option.DemoIntake = IntakeKind.TASK,
    output: option.Output = OutputFormat.JSON,
) -> None:
    """Show one delegated run on the real tools with a scripted model; needs no credentials."""
    from millracer.interfaces import demo_command  # noqa: PLC0415

    raise typer.Exit(
        demo_command.demo(
            millrace_command=millrace_command, pi_command=pi_command, intake=intake, output=output
        )
    )


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; a JSON caller gets JSON for wrong use too."""
    try:
        code = app(args=list(arguments), prog_name="millracer", standalone_mode=False)
    except TyperException as wrong_use:
        from millracer.interfaces.early_end import report_wrong_use  # noqa: PLC0415

        known = arguments and arguments[0] in {"run", "demo"}
        command = f"millracer {arguments[0]}" if known else "millracer"
        return report_wrong_use(
            arguments, wrong_use.format_message(), f"see the options with `{command} --help`"
        )
    return code if isinstance(code, int) else ExitCode.COMPLETED
