"""The `millracer` command: parse the command line and run the command it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from millracer import DOCUMENTATION_URL, __version__
from millracer.cli import internal_errors, verbosity
from millracer.cli.command_table import COMMANDS, path_in
from millracer.cli.lazy_group import LazyGroup
from millracer.cli.process.garbage import collect_from_now
from millracer.cli.startup.prewarm import Prewarm
from millracer.errors import ConfigInvalid, ExitCode, UsageError

#: Pydantic's prefix of a validator's message.
_VALIDATOR_PREFIX = "Value error, "


class _Commands(LazyGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(entries=COMMANDS, **attributes)


app = typer.Typer(
    name="millracer",
    cls=_Commands,
    help="The local operations gateway for Millrace: one task in, one truthful result out.",
    epilog=f"Documentation: {DOCUMENTATION_URL}",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(requested: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if requested:
        typer.echo(f"millracer {__version__}")
        raise typer.Exit


@app.callback()
def millracer(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            internal_errors.OPTION,
            envvar=internal_errors.VARIABLE,
            help="Show the traceback of an internal error. May follow the command.",
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
    del version, verbose  # `invoke` reads -v at any position
    if debug:
        internal_errors.show_tracebacks()
    collect_from_now()


def invoke(arguments: Sequence[str], begun: Prewarm | None = None) -> int:
    """Run one command line and return its exit code; invalid use also gets its JSON document."""
    words = internal_errors.without_option(arguments)
    if words != list(arguments):
        internal_errors.show_tracebacks()
    words, verbose = verbosity.take_options(words)
    try:
        verbosity.show_log(verbose)
        code = app(args=words, prog_name="millracer", standalone_mode=False, obj=begun)
    except (ConfigInvalid, UsageError) as error:
        from millracer.cli.command import report_failure  # noqa: PLC0415 - rarely needed

        return report_failure(arguments, error)
    except TyperException as wrong_use:
        from millracer.cli.command import report_failure, report_help  # noqa: PLC0415 - same

        message = wrong_use.format_message().replace(_VALIDATOR_PREFIX, "")
        if message.startswith("Usage: "):  # the command line names no command
            return report_help(message)
        context = getattr(wrong_use, "ctx", None)
        # The parser of an option's value does not know its command.
        command = path_in(words) if context is None else context.command_path
        action = f"read the options with `{command} --help`"
        return report_failure(arguments, UsageError(message, suggested_action=action))
    return code if isinstance(code, int) else ExitCode.COMPLETED
