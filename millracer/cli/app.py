"""The `millracer` command: parse, call, print. No rules live here."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from millracer import __version__
from millracer.cli import internal_errors, options, verbosity
from millracer.cli.commands import config_cli, doctor_cli, queue_cli, sessions_cli
from millracer.cli.option_groups import CommonOptions, named_programs, said_by, with_common_options
from millracer.cli.prewarm import Prewarm, asks_millrace
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.requests import IntakeKind, RoutePreference
from millracer.errors import ConfigInvalid, ExitCode, UsageError
from millracer.schemas.limits import REQUEST_LIMIT_BYTES
from millracer.schemas.names import SchemaName

_EXIT_CODES = (
    "Exit codes: 0 completed, 1 internal error, 2 invalid use or request, 3 incomplete, "
    "4 blocked, 5 restart needed, 6 crashed, 7 timed out, 8 failed (a needed tool is missing, "
    "incompatible or failed, or the result could not be written), 130 or 143 cancelled."
)

_OPS_EXIT_CODES = (
    "Exit codes: 0 succeeded, blocked or incomplete, 1 failed, 2 invalid use or request, "
    "7 timed out, 8 the result could not be written, 130 or 143 cancelled; "
    "with --jsonl 0 at the end of standard input."
)

#: Said before a message by what checks an option's value.
_OF_THE_VALIDATOR = "Value error, "
_SETUP_EXIT_CODES = (
    "Exit codes: 0 all is there, or removed, 2 invalid use, 3 not agreed to: nothing was done, "
    "8 an installer failed, 130 or 143 cancelled."
)

app = typer.Typer(
    name="millracer",
    help="The local operations gateway for Millrace: one task in, one truthful result out.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


app.add_typer(sessions_cli.workspaces, name="workspaces")
app.add_typer(sessions_cli.sessions, name="sessions")
app.add_typer(config_cli.config, name="config")


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
    debug: Annotated[
        bool,
        typer.Option(
            internal_errors.OPTION,
            envvar=internal_errors.VARIABLE,
            help="Show an internal error in full; it may stand behind the command, too.",
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            verbosity.OPTION,
            verbosity.LONG_OPTION,
            count=True,
            show_default=False,
            help="Log to standard error; -vv logs each program call. May follow the command.",
        ),
    ] = 0,
) -> None:
    """The local operations gateway for Millrace: one task in, one truthful result out."""
    del version, verbose  # `invoke` takes -v from anywhere in the line
    if debug:
        internal_errors.show_tracebacks()
    gc.freeze()
    gc.enable()  # `main` loads without it


@app.command(epilog=_EXIT_CODES)
@with_common_options
def run(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    task: options.Task = None,
    benchmark_json: options.BenchmarkJson = False,
    output: options.Output = OutputFormat.TEXT,
    request_id: options.RequestId = None,
    resume: options.Resume = None,
    exit_zero: options.ExitZero = False,
    quiet: options.Quiet = False,
) -> None:
    """Run one task to its end, and print an answer or a JSON result."""
    if common.options.anywhere.options.route is not RoutePreference.DIRECT:
        common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.commands import run as run_command  # noqa: PLC0415 - `--help` does not pay for a run

    raise typer.Exit(
        run_command.run(
            run_command.RunOptions(
                common=common,
                task=tuple(task or ()),
                benchmark_json=benchmark_json,
                output=output,
                request_id=request_id,
                resume=resume,
                exit_zero=exit_zero,
                quiet=quiet,
            )
        )
    )


@app.command()
@with_common_options
def operator(common: CommonOptions) -> None:
    """Talk to Millracer at a prompt, one task after another.

    pi keeps one conversation for all of them.
    """
    from millracer.cli.operator import command as operator_command  # noqa: PLC0415 - the same

    raise typer.Exit(operator_command.operator(common))


queue_cli.declare(app, _EXIT_CODES)


@app.command(epilog=_OPS_EXIT_CODES)
@with_common_options
def ops(
    common: CommonOptions,
    *,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    stream_json: options.StreamJson = False,
) -> None:
    """Answer typed JSON requests from standard input.

    Each gets one JSON result on standard output.
    """
    if not (json or jsonl or stream_json):
        raise typer.BadParameter("ops needs --json or --jsonl (or --stream-json)")
    if json and jsonl:
        raise typer.BadParameter("--json answers one request and --jsonl many: give one of them")
    if jsonl and not stream_json:
        from millracer.cli.commands import jsonl_server  # noqa: PLC0415 - the same

        raise typer.Exit(jsonl_server.serve(common))
    raw = common.standard_input.read(limit=REQUEST_LIMIT_BYTES)
    if asks_millrace(raw):
        common.programs.warm_up(common.options.anywhere.options)  # before anything else is loaded
    from millracer.cli.commands import ops as ops_command  # noqa: PLC0415 - the same

    raise typer.Exit(ops_command.ops(common, raw, stream=stream_json))


@app.command()
def schema(
    name: Annotated[SchemaName, typer.Argument(help="Which document.", show_default=False)],
) -> None:
    """Print the JSON Schema of a document that is read or printed."""
    from millracer.cli.terminal.stdout import print_text  # noqa: PLC0415 - see above
    from millracer.schemas.registry import render_schema  # noqa: PLC0415 - the same

    print_text(render_schema(name))


@app.command(epilog=_SETUP_EXIT_CODES)
def setup(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what setup installed, instead.")
    ] = False,
) -> None:
    """Install the tested Millrace and pi for yourself.

    It says what it will do, and asks.
    """
    from millracer.cli.commands import setup as setup_command  # noqa: PLC0415 - see above

    raise typer.Exit(setup_command.setup(yes=yes, remove=remove))


app.command(epilog=doctor_cli.EXIT_CODES)(doctor_cli.doctor)


@app.command(epilog=_EXIT_CODES)
def demo(
    context: typer.Context,
    *,
    millrace_command: options.MillraceCommand = None,
    pi_command: options.PiCommand = None,
    intake: options.DemoIntake = IntakeKind.TASK,
    output: options.Output = OutputFormat.JSON,
) -> None:
    """Show one run on the real tools with a scripted model.

    It needs no credentials.
    """
    from millracer.cli.commands import demo as demo_command  # noqa: PLC0415 - see above
    from millracer.wiring.user_files import read_user_config  # noqa: PLC0415 - the same

    given = {"millrace_command": millrace_command, "pi_command": pi_command}
    found = named_programs(given, read_user_config(), said_by(context, given))
    raise typer.Exit(demo_command.demo(found, intake=intake, output=output))


def invoke(arguments: Sequence[str], begun: Prewarm | None = None) -> int:
    """Run one command line and return its exit code; a JSON caller gets JSON for wrong use too."""
    words = internal_errors.without_option(arguments)
    if words != list(arguments):
        internal_errors.show_tracebacks()
    words, verbose = verbosity.take_options(words)
    try:
        verbosity.show_log(verbose)
        code = app(args=words, prog_name="millracer", standalone_mode=False, obj=begun)
    except (ConfigInvalid, UsageError) as error:
        from millracer.cli.command import report_refused  # noqa: PLC0415 - hardly ever needed

        return report_refused(arguments, error)
    except TyperException as wrong_use:
        from millracer.cli.command import report_help, report_wrong_use  # noqa: PLC0415 - same

        message = wrong_use.format_message().replace(_OF_THE_VALIDATOR, "")
        if message.startswith("Usage: "):  # nothing was asked for
            return report_help(message)
        context = getattr(wrong_use, "ctx", None)
        command = "millracer" if context is None else context.command_path
        return report_wrong_use(arguments, message, f"see the options with `{command} --help`")
    return code if isinstance(code, int) else ExitCode.COMPLETED
