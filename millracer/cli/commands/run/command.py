"""The command lines of `millracer run` and `millracer watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_all_options_but, with_common_options
from millracer.cli.options.json_output import with_output
from millracer.cli.options.stream import stream_options
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import NOT_FOR_WATCH, load
from millracer.domain.requests import RoutePreference
from millracer.errors import UsageError

_BODY = "millracer.cli.commands.run.task:run_task"


@with_common_options
@with_output
def run(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    task: options.Task = None,
    request_json: options.RequestJson = False,
    output: OutputFormat = OutputFormat.TEXT,
    stream_json: options.StreamJson = False,
    request_id: options.RequestId = None,
    resume: options.Resume = None,
    certificate: options.CertificateFile = None,
    exit_zero: options.ExitZero = False,
    quiet: options.Quiet = False,
) -> None:
    """Run one task to its end and print the answer or a JSON result."""
    stream = stream_options(is_wanted=stream_json)
    if common.options.anywhere.options.route is not RoutePreference.DIRECT:
        common.programs.warm_up(common.options.anywhere.options)
    task_input = TaskInput(
        common=common,
        task=tuple(task or ()),
        request_json=request_json,
        request_id=request_id,
        resume=resume,
    )
    raise typer.Exit(
        load(_BODY)(
            task_input,
            output=output,
            exit_zero=exit_zero,
            quiet=quiet,
            stream=stream,
            certificate=certificate,
        )
    )


@with_all_options_but(*NOT_FOR_WATCH)
@with_output
def watch(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    item: queue_options.OptionalItem = None,
    every: Annotated[
        bool, typer.Option("--all", help="Follow every item until none is left to work on.")
    ] = False,
    output: OutputFormat = OutputFormat.TEXT,
    stream_json: options.StreamJson = False,
    after: options.After = None,
    observe: options.Observe = False,
    certificate: options.CertificateFile = None,
    exit_zero: options.ExitZero = False,
    quiet: options.Quiet = False,
) -> None:
    """Follow one work item to its end and print its result.

    The result is the same as that of `run`. Starts a daemon if none runs. The result of an item
    that has already ended is printed at once.
    """
    if (item is None) is not every:
        raise UsageError(
            "`watch` takes either an ID or --all",
            suggested_action="give the id of an item from `millracer list`, or --all",
        )
    of_one = {"--observe": observe, "--after": after, "--certificate": certificate}
    wrong = [name for name, value in of_one.items() if value not in {None, False}]
    if every and wrong:
        raise UsageError(
            f"{wrong[0]} is about one item, and --all about every one",
            suggested_action="watch one item, or leave the option out",
        )
    stream = stream_options(is_wanted=stream_json, after=after)
    common.programs.warm_up(common.options.anywhere.options)
    if item is None:
        body = load("millracer.cli.commands.run.all_items:watch_all")
        code = body(
            common, output=output, exit_zero=exit_zero, quiet=quiet, stream=stream is not None
        )
        raise typer.Exit(code)
    task_input = TaskInput(common=common, resume=item, observe=observe)
    raise typer.Exit(
        load(_BODY)(
            task_input,
            output=output,
            exit_zero=exit_zero,
            quiet=quiet,
            stream=stream,
            certificate=certificate,
        )
    )
