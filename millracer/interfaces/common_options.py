"""The options that `run` and `ops` have in common, declared once.

Typer reads a command's options from its signature; `with_common_options` puts these into it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import typer

from millracer.domain.preferences import Finalizer, IntakePreference, PiSession, RoutePreference
from millracer.interfaces import run_options as option
from millracer.interfaces.head_start import HeadStart
from millracer.interfaces.standard_input import StandardInput

if TYPE_CHECKING:
    from millracer.application.choices import RunChoices
    from millracer.interfaces.tools import Programs

_Own = ParamSpec("_Own")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What the common options said.

    Attributes:
        standard_input: what of it was read ahead included.
        workspace: as given, None where it was not.
        session_id: the session to work in, None where none was named.
    """

    choices: RunChoices
    programs: Programs
    standard_input: StandardInput
    workspace: Path | None
    session_id: str | None


def with_common_options(
    command: Callable[Concatenate[CommonOptions, _Own], None],
) -> Callable[..., None]:
    """Give a Typer command the common options; it is called with what they said, then its own."""
    begun, *common = inspect.signature(common_options, eval_str=True).parameters.values()
    names = [parameter.name for parameter in common]
    first, *own = inspect.signature(command, eval_str=True).parameters.values()
    del begun, first

    @wraps(command)
    def with_options(context: typer.Context, **values: object) -> None:
        said = common_options(context.obj, **{name: values.pop(name) for name in names})  # type: ignore[arg-type]
        command(said, **values)  # type: ignore[call-arg, arg-type]

    with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
            ),
            *(parameter for parameter in own if parameter.name == "task"),
            *common,
        ]
        + [parameter for parameter in own if parameter.name != "task"]
    )
    with_options.__annotations__ = {}
    del with_options.__wrapped__
    return with_options


def common_options(  # noqa: PLR0913 - one parameter per option
    begun: HeadStart | None = None,
    *,
    route: option.Route = RoutePreference.AUTO,
    intake: option.Intake = IntakePreference.AUTO,
    workspace: option.Workspace = None,
    cwd: option.Cwd = None,
    session_id: option.SessionId = None,
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
    finalizer: option.FinalizerChoice = Finalizer.PI,
    pi_command: option.PiCommand = "pi",
    millrace_command: option.MillraceCommand = "millrace",
    no_warm_millrace: option.NoWarmMillrace = False,
) -> CommonOptions:
    """Return what these options say, with what was begun for them.

    The defaults are those of the command line.
    """
    from millracer.application.choices import RunChoices  # noqa: PLC0415 - `--help` pays no run
    from millracer.bootstrap import Millraces  # noqa: PLC0415
    from millracer.interfaces.tools import Programs  # noqa: PLC0415

    begun = begun or HeadStart(standard_input=StandardInput())
    return CommonOptions(
        choices=RunChoices(
            route=route,
            intake=intake,
            mode=millrace_mode,
            cwd=None if cwd is None else str(cwd),
            thinking=thinking,
            provider=provider,
            model=model,
            skills=tuple(str(path) for path in skill or ()),
            default_skills=not no_default_skills,
            daemon_timeout_seconds=daemon_timeout_seconds,
            max_daemon_restarts=max_daemon_restarts,
            poll_interval_seconds=poll_interval_seconds,
            pi_timeout_seconds=pi_timeout_seconds,
            keep_daemon=keep_daemon,
            pi_session=pi_session,
            notify_terminal_stages=notify_terminal_stages,
            finalizer=finalizer,
            warm_millrace=not no_warm_millrace,
        ),
        programs=Programs(
            millrace_command=millrace_command,
            pi_command=pi_command,
            millraces=begun.millraces or Millraces(),
        ),
        standard_input=begun.standard_input,
        workspace=workspace,
        session_id=session_id,
    )
