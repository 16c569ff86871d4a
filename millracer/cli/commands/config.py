"""`millracer config`: effective values from options, environment and configuration files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import typer

from millracer.cli.command import completed
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_common_options
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.cli.terminal.tables import table
from millracer.domain.checks import name_command
from millracer.domain.configuration import ValueOrigin
from millracer.domain.failures import exit_code_of_failure
from millracer.domain.programs import Tool, ToolOrigin
from millracer.domain.run.options import FILE_OPTIONS, Form
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.errors import ExitCode, UsageError
from millracer.operations.context import SelectedWorkspace
from millracer.operations.options import Merged
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.base import render
from millracer.schemas.config import (
    ConfigFileDocument,
    ConfigResult,
    ConfigValueDocument,
    describe_failure,
)
from millracer.wiring import open_store
from millracer.wiring.user_files import (
    user_config_file,
    workspace_config_file,
)
from millracer.wiring.workspace import find_place

_PROGRAM_ORIGINS = {
    ToolOrigin.OPTION: ValueOrigin.OPTION,
    ToolOrigin.ENVIRONMENT: ValueOrigin.ENVIRONMENT,
    ToolOrigin.USER_FILE: ValueOrigin.USER_FILE,
    ToolOrigin.SETUP: ValueOrigin.SETUP,
    ToolOrigin.PATH: ValueOrigin.DEFAULT,
}
#: Widest cell: the long command of an installed program would push the origin off the screen.
_WIDEST = 40


@with_common_options
@with_output
def show(
    common: CommonOptions,
    *,
    as_json: bool = False,
) -> None:
    """Show the effective value and origin of each option."""

    def work() -> tuple[ConfigResult, ExitCode]:
        with closing(common.programs), open_store() as store:
            memory = SessionMemory(store)
            place = find_place(common.workspace, common.session_id, memory)
            result = _result(common, place)
            say_warnings((*place.warnings, *memory.warnings))
            return result, ExitCode.COMPLETED

    result, code = completed(
        work, lambda error: (describe_failure(error), exit_code_of_failure(error))
    )
    say_errors(result.errors)
    if as_json:
        print_text(render(result))
    elif not result.errors:
        print_shown("\n".join(_lines(result)))
    raise typer.Exit(code)


def show_path() -> None:
    """Print the path of your configuration file, whether or not it exists."""
    path = user_config_file()
    if path is None:
        raise UsageError(
            "there is no home directory for a configuration file",
            suggested_action="set MILLRACER_CONFIG_DIR to a folder",
        )
    print_text(str(path))


def _result(common: CommonOptions, place: SelectedWorkspace) -> ConfigResult:
    workspace = place.root_path
    merged = common.options.for_workspace(workspace, session_mode=place.mode)
    user = user_config_file()
    workspace_file = workspace_config_file(workspace)
    return ConfigResult(
        workspace=workspace,
        user_file=None if user is None else _file(user, exists=common.user_config is not None),
        workspace_file=_file(workspace_file, exists=workspace_file.is_file()),
        values=list(_values(common, merged)),
    )


def _file(path: Path, *, exists: bool) -> ConfigFileDocument:
    return ConfigFileDocument(path=str(path), exists=exists)


def _values(common: CommonOptions, merged: Merged) -> Iterator[ConfigValueDocument]:
    found = common.programs.found
    programs = {Tool.MILLRACE.key: found.millrace, Tool.PI.key: found.pi}
    for option in FILE_OPTIONS:
        program = programs.get(option.name)
        if program is None:
            value, origin = getattr(merged.options, option.name), merged.origins[option.name]
        else:
            value, origin = program.used.command, _PROGRAM_ORIGINS[program.origin]
        yield ConfigValueDocument(
            name=option.name,
            value=[name_command(each) if option.form is Form.ARGV else each for each in value]
            if isinstance(value, tuple)
            else value,
            origin=origin,
            variable=option.variable,
        )


def _lines(result: ConfigResult) -> list[str]:
    rows = [
        (each.name, _shown(_effective(each)), _describe_origin(each, result))
        for each in result.values
    ]
    return table(("OPTION", "VALUE", "FROM"), rows, widest=_WIDEST, shrinks=("FROM", "VALUE"))


def _effective(value: ConfigValueDocument) -> object:
    """Return the value; for an unset mode the one that a run then uses, unless pi names another."""
    return DEFAULT_MODE if value.name == "millrace_mode" and value.value is None else value.value


def _shown(value: object) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(value)
        case _:
            return str(value)


def _describe_origin(value: ConfigValueDocument, result: ConfigResult) -> str:
    match value.origin:
        case ValueOrigin.ENVIRONMENT:
            return f"environment: {value.variable}"
        case ValueOrigin.WORKSPACE_FILE if result.workspace_file is not None:
            return f"workspace file: {result.workspace_file.path}"
        case ValueOrigin.USER_FILE if result.user_file is not None:
            return f"user file: {result.user_file.path}"
        case _:
            return value.origin
