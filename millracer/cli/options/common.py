"""The values of the options that commands share, however they were given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from millracer.cli.startup.prewarm import Prewarm
from millracer.cli.terminal.stdin import StandardInput
from millracer.domain.configuration import ValueOrigin
from millracer.domain.run.options import PROGRAM_OPTIONS, RUN_OPTIONS
from millracer.errors import ConfigInvalid

if TYPE_CHECKING:
    from millracer.operations.options import OptionLayers
    from millracer.programs.discovery import ResolvedPrograms
    from millracer.schemas.config_file import ConfigOptions
    from millracer.wiring.tool_factory import ProgramFactory


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """Values of the common options.

    Attributes:
        options: run options from every source.
        user_config: the user's configuration file, None without one.
        user_config_error: why it is unusable, for a command that continues without it.
        standard_input: including the bytes that were read ahead.
        workspace: as given, None if not given.
        session_id: the session to work in, None if not given.
        fleet: the name or file of the fleet, None if not given.
        explicit: the command's own options that its command line gives.
    """

    options: OptionLayers
    programs: ProgramFactory
    user_config: ConfigOptions | None
    user_config_error: ConfigInvalid | None
    standard_input: StandardInput
    workspace: Path | None
    session_id: str | None
    fleet: str | None = None
    explicit: frozenset[str] = frozenset()


def common_options(
    begun: Prewarm | None = None,
    origins: Mapping[str, ValueOrigin] | None = None,
    values: Mapping[str, Any] = MappingProxyType({}),
    *,
    despite_config: bool = False,
) -> CommonOptions:
    """Return the common options of a command.

    Args:
        begun: the part that was prepared before the arguments were parsed.
        origins: where each given option comes from. None: all values are given here, and no
            configuration file is read.
        values: by name in `domain.run_options`; those without an origin are defaults.
        despite_config: keep the error of an unusable user file and continue without the file.

    Raises:
        ConfigInvalid: the user's configuration file cannot be read, or sets a forbidden option.
    """
    from millracer.operations.options import OptionLayers  # noqa: PLC0415 - `--help` must load fast
    from millracer.wiring import BackendFactory  # noqa: PLC0415 - see above
    from millracer.wiring.tool_factory import ProgramFactory  # noqa: PLC0415 - see above
    from millracer.wiring.user_files import read_user_config, read_workspace_config  # noqa: PLC0415 - see above

    begun = begun or Prewarm(standard_input=StandardInput())
    user, unusable = None, None
    if origins is None:
        layers = OptionLayers(given=_run_values(values))
    else:
        try:
            user = read_user_config()
        except ConfigInvalid as error:
            if not despite_config:
                raise
            unusable = error

        def read_workspace(root_path: str) -> Mapping[str, Any]:
            config = read_workspace_config(root_path)
            return {} if config is None else config.given()

        by_origin = {
            origin: {name: values[name] for name in values if origins.get(name) is origin}
            for origin in (ValueOrigin.OPTION, ValueOrigin.ENVIRONMENT)
        }
        layers = OptionLayers(
            user={} if user is None else user.given(),
            workspace=read_workspace,
            environment=_run_values(by_origin[ValueOrigin.ENVIRONMENT]),
            given=_run_values(by_origin[ValueOrigin.OPTION]),
        )
    programs = {option.name: values.get(option.name) for option in PROGRAM_OPTIONS}
    return CommonOptions(
        options=layers,
        programs=ProgramFactory(
            found=named_programs(programs, user, origins),
            backends=begun.backends or BackendFactory(),
        ),
        user_config=user,
        user_config_error=unusable,
        standard_input=begun.standard_input,
        workspace=values.get("workspace"),
        session_id=values.get("session_id"),
    )


def _run_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a run's options, paths as texts."""
    return {
        option.name: _plain(values[option.name]) for option in RUN_OPTIONS if option.name in values
    }


def _plain(value: object) -> object:
    match value:
        case Path():
            return str(value)
        case list() | tuple():
            return tuple(_plain(each) for each in value)
        case _:
            return value


def named_programs(
    given: Mapping[str, str | None],
    user: ConfigOptions | None,
    origins: Mapping[str, ValueOrigin] | None,
) -> ResolvedPrograms:
    """Find both programs.

    Args:
        given: value of the option or variable, by program key.
        user: the user's configuration file.
        origins: origin of each given value; None: all are options.
    """
    from millracer.programs.discovery import resolve_programs  # noqa: PLC0415 - `--help` does not need it

    if origins is None:
        return resolve_programs(given)
    by_option = {key: name for key, name in given.items() if origins.get(key) is ValueOrigin.OPTION}
    own = {} if user is None else {key: getattr(user, key) for key in given}
    return resolve_programs(by_option, os.environ, own)
