"""The options that `run` and `ops` have in common, declared once.

Typer reads a command's options from its signature; `with_common_options` puts these into it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import typer

from millracer.cli import options
from millracer.cli.prewarm import Prewarm
from millracer.cli.terminal.stdin import StandardInput
from millracer.domain.configuration import ValueOrigin
from millracer.domain.requests import Finalizer, IntakePreference, PiSession, RoutePreference
from millracer.errors import ConfigInvalid

if TYPE_CHECKING:
    from millracer.operations.options import LayeredChoices
    from millracer.programs.discovery import ResolvedPrograms
    from millracer.schemas.config_file import ConfigOptions
    from millracer.wiring.tool_factory import ProgramFactory


_ORIGINS = {"COMMANDLINE": ValueOrigin.OPTION, "ENVIRONMENT": ValueOrigin.ENVIRONMENT}

#: What stands behind a command without an option's name goes before the options.
_ARGUMENTS = frozenset({"task", "item"})

_Own = ParamSpec("_Own")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What the common options said.

    Attributes:
        choices: how runs are done, by whoever says it.
        user_config: what the user's configuration file says, None without one.
        user_config_error: why it cannot be used, for a command that goes on without it.
        origins: who said each option that was said.
        standard_input: what of it was read ahead included.
        workspace: as given, None where it was not.
        session_id: the session to work in, None where none was named.
    """

    choices: LayeredChoices
    programs: ProgramFactory
    user_config: ConfigOptions | None
    user_config_error: ConfigInvalid | None
    origins: Mapping[str, ValueOrigin]
    standard_input: StandardInput
    workspace: Path | None
    session_id: str | None


def with_options(
    *wanted: str,
) -> Callable[[Callable[Concatenate[CommonOptions, _Own], None]], Callable[..., None]]:
    """Give a Typer command these common options; of the others it has what files and defaults say.

    Args:
        wanted: names of parameters of `common_options`.
    """
    return partial(_with_options, wanted=frozenset(wanted))


def with_all_options_but(
    *unwanted: str,
) -> Callable[[Callable[Concatenate[CommonOptions, _Own], None]], Callable[..., None]]:
    """Give a Typer command the common options but these, as `with_options` does.

    Args:
        unwanted: names of parameters of `common_options`.
    """
    return with_options(*({*inspect.signature(common_options).parameters} - {*unwanted}))


def with_common_options(
    command: Callable[Concatenate[CommonOptions, _Own], None], *, despite_config: bool = False
) -> Callable[..., None]:
    """Give a Typer command the common options; it is called with what they said, then its own.

    Args:
        command: what is called.
        despite_config: whether it is called although the user's configuration file is unusable.
    """
    return _with_options(command, wanted=None, despite_config=despite_config)


def _with_options(
    command: Callable[Concatenate[CommonOptions, _Own], None],
    *,
    wanted: frozenset[str] | None,
    despite_config: bool = False,
) -> Callable[..., None]:
    begun, origins_, despite, *common = inspect.signature(
        common_options, eval_str=True
    ).parameters.values()
    common = [each for each in common if wanted is None or each.name in wanted]
    names = [parameter.name for parameter in common]
    first, *own = inspect.signature(command, eval_str=True).parameters.values()
    del begun, origins_, despite, first

    @wraps(command)
    def with_options(context: typer.Context, **values: object) -> None:
        given = {name: values.pop(name) for name in names}
        origins = said_by(context, names)
        said = common_options(context.obj, origins, despite_config, **given)  # type: ignore[arg-type]
        command(said, **values)  # type: ignore[call-arg, arg-type]

    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
            ),
            *(parameter for parameter in own if parameter.name in _ARGUMENTS),
            *common,
        ]
        + [parameter for parameter in own if parameter.name not in _ARGUMENTS]
    )
    with_options.__annotations__ = {}
    del with_options.__wrapped__
    return with_options


def said_by(context: typer.Context, names: Iterable[str]) -> dict[str, ValueOrigin]:
    """Return who said each option that was said: its default says nothing."""
    sources = ((name, context.get_parameter_source(name)) for name in names)
    return {
        name: _ORIGINS[source.name]
        for name, source in sources
        if source is not None and source.name in _ORIGINS
    }


def common_options(  # noqa: PLR0913 - one parameter per option
    begun: Prewarm | None = None,
    origins: Mapping[str, ValueOrigin] | None = None,
    despite_config: bool = False,  # noqa: FBT001, FBT002 - no option, as those before it
    *,
    route: options.Route = RoutePreference.AUTO,
    intake: options.Intake = IntakePreference.AUTO,
    workspace: options.Workspace = None,
    cwd: options.Cwd = None,
    session_id: options.SessionId = None,
    millrace_mode: options.MillraceMode = None,
    thinking: options.Thinking = "high",
    provider: options.Provider = None,
    model: options.Model = None,
    skill: options.Skill = None,
    no_default_skills: options.NoDefaultSkills = False,
    daemon_timeout_seconds: options.DaemonTimeout = 7200.0,
    max_daemon_restarts: options.MaxDaemonRestarts = 1,
    poll_interval_seconds: options.PollInterval = 60.0,
    pi_timeout_seconds: options.PiTimeout = 3600.0,
    keep_daemon: options.KeepDaemon = False,
    pi_session: options.PiSessionChoice = PiSession.RPC,
    notify_terminal_stages: options.NotifyTerminalStages = True,
    finalizer: options.FinalizerChoice = Finalizer.PI,
    pi_command: options.PiCommand = None,
    millrace_command: options.MillraceCommand = None,
    no_warm_millrace: options.NoWarmMillrace = False,
) -> CommonOptions:
    """Return what these options say, with what was begun for them.

    The defaults are those of a run of which nobody says anything. `origins` tell who said each
    option that was said; what was not gives way to configuration files. Without them everything is
    said here, and no file is read. `despite_config` keeps a file that cannot be used for the caller
    to tell of, and goes on without it.

    Raises:
        ConfigInvalid: the user's configuration file cannot be read, or says what it must not.
    """
    from millracer.operations.options import LayeredChoices  # noqa: PLC0415 - `--help` pays no run
    from millracer.schemas.run_options import SaidOptions  # noqa: PLC0415 - the same
    from millracer.wiring import BackendFactory  # noqa: PLC0415
    from millracer.wiring.tool_factory import ProgramFactory  # noqa: PLC0415 - see above
    from millracer.wiring.user_files import read_user_config, read_workspace_config  # noqa: PLC0415

    values: dict[str, Any] = {
        "route": route,
        "intake": intake,
        "millrace_mode": millrace_mode,
        "cwd": None if cwd is None else str(cwd),
        "thinking": thinking,
        "provider": provider,
        "model": model,
        "skill": tuple(str(path) for path in skill or ()),
        "no_default_skills": no_default_skills,
        "daemon_timeout_seconds": daemon_timeout_seconds,
        "max_daemon_restarts": max_daemon_restarts,
        "poll_interval_seconds": poll_interval_seconds,
        "pi_timeout_seconds": pi_timeout_seconds,
        "keep_daemon": keep_daemon,
        "pi_session": pi_session,
        "notify_terminal_stages": notify_terminal_stages,
        "finalizer": finalizer,
        "no_warm_millrace": no_warm_millrace,
    }
    begun = begun or Prewarm(standard_input=StandardInput())
    user, unusable = None, None
    if origins is None:
        choices = LayeredChoices(said=SaidOptions.model_construct(None, **values))
    else:
        try:
            user = read_user_config()
        except ConfigInvalid as error:
            if not despite_config:
                raise
            unusable = error
        choices = LayeredChoices(
            user=user or SaidOptions(),
            workspace=lambda root_path: read_workspace_config(root_path) or SaidOptions(),
            said=SaidOptions.model_construct(
                None, **{name: values[name] for name in values if name in origins}
            ),
        )
    return CommonOptions(
        choices=choices,
        programs=ProgramFactory(
            found=named_programs(
                {"millrace_command": millrace_command, "pi_command": pi_command}, user, origins
            ),
            backends=begun.backends or BackendFactory(),
        ),
        user_config=user,
        user_config_error=unusable,
        origins=origins or {},
        standard_input=begun.standard_input,
        workspace=workspace,
        session_id=session_id,
    )


def named_programs(
    given: Mapping[str, str | None],
    user: ConfigOptions | None,
    origins: Mapping[str, ValueOrigin] | None,
) -> ResolvedPrograms:
    """Find both programs, by whoever names them.

    Args:
        given: by the key of each, what its option or its variable said.
        user: what the user's configuration file says.
        origins: who said it; without them all is the option's.
    """
    from millracer.programs.discovery import resolve_programs  # noqa: PLC0415 - `--help` finds none

    if origins is None:
        return resolve_programs(given)
    by_option = {key: name for key, name in given.items() if origins.get(key) is ValueOrigin.OPTION}
    own = {} if user is None else {key: getattr(user, key) for key in given}
    return resolve_programs(by_option, os.environ, own)
