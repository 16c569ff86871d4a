"""`millracer config`: what a run would do by its options, environment and configuration files."""

from __future__ import annotations

import inspect
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from millracer.cli.command import completed
from millracer.cli.option_groups import CommonOptions, common_options, with_common_options
from millracer.cli.terminal.stderr import printable, say_errors, say_warnings
from millracer.cli.terminal.stdout import print_text
from millracer.cli.terminal.tables import table
from millracer.cli.workspace import find_place
from millracer.domain.configuration import ValueOrigin
from millracer.domain.failures import exit_code_of_error
from millracer.domain.programs import Tool, ToolOrigin, variable_of
from millracer.errors import ExitCode, UsageError
from millracer.operations.context import SelectedWorkspace
from millracer.operations.session_memory import SessionMemory
from millracer.schemas.base import render
from millracer.schemas.config import (
    ConfigFileDocument,
    ConfigResult,
    ConfigValueDocument,
    describe_failure,
)
from millracer.schemas.config_file import ConfigOptions
from millracer.wiring import open_store
from millracer.wiring.user_files import (
    read_workspace_config,
    user_config_file,
    workspace_config_file,
)

_PROGRAM_ORIGINS = {
    ToolOrigin.OPTION: ValueOrigin.OPTION,
    ToolOrigin.ENVIRONMENT: ValueOrigin.ENVIRONMENT,
    ToolOrigin.USER_FILE: ValueOrigin.USER_FILE,
    ToolOrigin.SETUP: ValueOrigin.SETUP,
    ToolOrigin.PATH: ValueOrigin.DEFAULT,
}
#: The command of a program that setup installed would push who said it off the screen.
_WIDEST = 40
_DEFAULTS = inspect.signature(common_options).parameters


@with_common_options
def show(
    common: CommonOptions,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the values as JSON.")] = False,
) -> None:
    """Show each value that a run would have, and where it comes from."""

    def work() -> ConfigResult:
        with closing(common.programs), open_store() as store:
            memory = SessionMemory(store)
            place = find_place(common.workspace, common.session_id, memory)
            result = _result(common, place)
            say_warnings((*place.warnings, *memory.warnings))
            return result

    result = completed(work, describe_failure)
    say_errors(result.errors)
    if as_json:
        print_text(render(result))
    elif not result.errors:
        print_text(printable("\n".join(_lines(result))))
    code = exit_code_of_error(result.errors[0].code) if result.errors else ExitCode.COMPLETED
    raise typer.Exit(code)


def show_path() -> None:
    """Print where your own configuration file lies, be it there or not."""
    path = user_config_file()
    if path is None:
        raise UsageError(
            "there is no home to keep a configuration file in",
            suggested_action="name a folder in MILLRACER_CONFIG_DIR",
        )
    print_text(str(path))


def _result(common: CommonOptions, place: SelectedWorkspace) -> ConfigResult:
    workspace = place.root_path
    of_workspace = read_workspace_config(workspace)
    user = user_config_file()
    return ConfigResult(
        workspace=workspace,
        user_file=None if user is None else _file(user, exists=common.user_config is not None),
        workspace_file=_file(workspace_config_file(workspace), exists=of_workspace is not None),
        values=[_value(name, common, place, of_workspace) for name in ConfigOptions.model_fields],
    )


def _file(path: Path, *, exists: bool) -> ConfigFileDocument:
    return ConfigFileDocument(path=str(path), exists=exists)


def _value(
    name: str, common: CommonOptions, place: SelectedWorkspace, of_workspace: ConfigOptions | None
) -> ConfigValueDocument:
    """Say what an option comes to; the first who says it counts."""
    value: object = None
    origin = common.origins.get(name)
    found = common.programs.found
    if name in {Tool.MILLRACE.key, Tool.PI.key}:
        program = found.millrace if name == Tool.MILLRACE.key else found.pi
        value, origin = program.used.command, _PROGRAM_ORIGINS[program.origin]
    elif origin is not None:
        value = getattr(common.choices.said, name)
    elif name == "millrace_mode" and place.mode is not None:
        value, origin = place.mode, ValueOrigin.SESSION
    elif of_workspace is not None and _says(of_workspace, name):
        value, origin = getattr(of_workspace, name), ValueOrigin.WORKSPACE_FILE
    elif common.user_config is not None and _says(common.user_config, name):
        value, origin = getattr(common.user_config, name), ValueOrigin.USER_FILE
    else:
        value, origin = _DEFAULTS[name].default, ValueOrigin.DEFAULT
        value = [] if name == "skill" else value
    return ConfigValueDocument(
        name=name,
        value=list(value) if isinstance(value, tuple) else value,
        origin=origin,
        variable=variable_of(f"--{name}".replace("_", "-")),
    )


def _says(options: ConfigOptions, name: str) -> bool:
    return getattr(options, name) not in {None, ()}


def _lines(result: ConfigResult) -> list[str]:
    rows = [(each.name, _shown(each.value), _whence(each, result)) for each in result.values]
    return table(("OPTION", "VALUE", "FROM"), rows, widest=_WIDEST)


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


def _whence(value: ConfigValueDocument, result: ConfigResult) -> str:
    match value.origin:
        case ValueOrigin.ENVIRONMENT:
            return f"environment: {value.variable}"
        case ValueOrigin.WORKSPACE_FILE if result.workspace_file is not None:
            return f"workspace file: {result.workspace_file.path}"
        case ValueOrigin.USER_FILE if result.user_file is not None:
            return f"user file: {result.user_file.path}"
        case _:
            return value.origin
