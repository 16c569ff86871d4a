"""The command lines about what Millrace holds: `status` and what is done with single items."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli import options, shell_completion
from millracer.cli.option_groups import CommonOptions, with_all_options_but, with_options
from millracer.cli.terminal.stdout import OutputFormat

_Item = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The work item's id, or its request's id.",
        show_default=False,
        autocompletion=shell_completion.items,
    ),
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: What a command needs that works in one workspace and runs no task.
_HERE = ("workspace", "session_id", "millrace_command", "no_warm_millrace")


def declare(app: typer.Typer, exit_codes: str) -> None:
    """Add the commands to the command line.

    Args:
        app: what they are added to.
        exit_codes: what is said of them below the options.
    """
    add = app.command(epilog=exit_codes)
    add(with_options(*_HERE, "poll_interval_seconds")(status))
    add(with_options(*_HERE, "intake", "millrace_mode", "cwd")(submit))
    add(with_all_options_but("route", "intake")(watch))
    for command in (cancel, pause, resume, stop):
        add(with_options(*_HERE)(command))


def status(
    common: CommonOptions,
    *,
    as_json: _AsJson = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Stay, and show it anew at every change; Ctrl-C ends it."),
    ] = False,
) -> None:
    """Show what goes on in a workspace.

    That is the daemon, the queue, what is active, blocked and ended, and what to do next.
    """
    from millracer.cli.commands import status as status_command  # noqa: PLC0415 - `--help` pays for no look

    raise typer.Exit(status_command.status(common, as_json=as_json, watch=watch))


def submit(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    task: options.Task = None,
    benchmark_json: options.BenchmarkJson = False,
    request_id: options.RequestId = None,
    output: options.Output = OutputFormat.TEXT,
    as_json: _AsJson = False,
) -> None:
    """Put one task in Millrace's queue and print its item's id.

    Nothing is started or watched.
    """
    common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import submit as submit_command  # noqa: PLC0415 - `--help` pays for no run
    from millracer.cli.task_input import TaskInput  # noqa: PLC0415

    asked = TaskInput(
        common=common,
        task=tuple(task or ()),
        benchmark_json=benchmark_json,
        request_id=request_id,
    )
    is_json = as_json or output is OutputFormat.JSON
    raise typer.Exit(submit_command.submit(asked, as_json=is_json))


def watch(
    common: CommonOptions,
    *,
    item: _Item,
    output: options.Output = OutputFormat.TEXT,
    exit_zero: options.ExitZero = False,
    quiet: options.Quiet = False,
) -> None:
    """Follow one item to its end and give its result, as `run` does.

    If no daemon runs it starts one. An item that has ended already gives its result at once.
    """
    common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import run  # noqa: PLC0415 - `--help` pays for no run

    raise typer.Exit(
        run.run(
            run.RunOptions(
                common=common,
                task=(),
                benchmark_json=False,
                output=output,
                request_id=None,
                resume=item,
                exit_zero=exit_zero,
                quiet=quiet,
            )
        )
    )


def cancel(
    common: CommonOptions,
    *,
    item: _Item,
    reason: Annotated[
        str | None,
        typer.Option("--reason", help="Why; Millrace keeps it.  [default: no longer wanted]"),
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Take one waiting or blocked item out of Millrace's queue.

    What is worked on cannot be cancelled.
    """
    common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import control  # noqa: PLC0415 - `--help` pays for nothing

    raise typer.Exit(control.cancel(common, item, reason=reason, as_json=as_json))


def pause(common: CommonOptions, *, as_json: _AsJson = False) -> None:
    """Let Millrace begin nothing new.

    The stage that runs goes on to its end.
    """
    common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import control  # noqa: PLC0415 - the same

    raise typer.Exit(control.pause(common, as_json=as_json))


def resume(common: CommonOptions, *, as_json: _AsJson = False) -> None:
    """End the pause.

    Nothing is started where no daemon runs.
    """
    common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import control  # noqa: PLC0415 - the same

    raise typer.Exit(control.resume(common, as_json=as_json))


def stop(
    common: CommonOptions,
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also a daemon that somebody else started, or that somebody watches."
        ),
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """End the daemon that Millracer left or keeps running.

    Work that is cut goes back to the queue.
    """
    from millracer.cli.commands import control  # noqa: PLC0415 - the same

    raise typer.Exit(control.stop(common, force=force, as_json=as_json))
