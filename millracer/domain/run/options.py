"""The shared options of `run`, `ops`, `operator`, configuration files and library, declared once.

Command line options, environment variables, configuration keys, the `options` of an ops request and
the library's `RunOptions` are generated from these tables. Adding an option means adding a field.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from millracer.domain.checks import NO_CHECKS, Argv, CheckPlace
from millracer.domain.programs import variable_of
from millracer.domain.requests import (
    LEAST_SECONDS,
    Finalizer,
    IntakePreference,
    Limits,
    PiSession,
    RoutePreference,
)

_LIMITS: Final = Limits()
#: Why a workspace's file must not set what names a program, or a text that an agent follows.
CHOOSES_PROGRAMS: Final = "it would decide what runs on the machine of each user of the repository"
_CHOOSES_PLACES: Final = "it would decide where another user's work is done"


class Form(StrEnum):
    """What a text must look like in a configuration file."""

    LINE = "line"  #: one line that a program does not read as an option
    NAME = "name"  #: letters, digits, `.`, `_` and `-`
    MODEL = "model"  #: `PROVIDER/MODEL[:THINKING]`
    PATH = "path"  #: absolute, or beginning with `~`
    PROGRAM = "program"  #: a program and its arguments, the same in every directory
    ARGV = "argv"  #: a list of words: a program and its arguments


class Group(StrEnum):
    """The group of an option in a command's help."""

    TASK = "Task"
    MODELS = "Model"
    DAEMON = "Daemon"
    PROGRAMS = "Program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One declared option.

    Attributes:
        name: its field, configuration key and ops key.
        singular: the name of one value of a repeatable option on the command line; None: `name`.
        kind: the type of a value: an enum, str, bool, int, float, or tuple for several texts.
        default: the value that counts where no source gives one.
        form: what its texts must look like in a configuration file.
        minimum: the least number allowed.
        group: where the help of a command with many options lists it.
        short: its short form, such as `-w`.
        completion: the function of `cli.shell_completion` that lists values.
        refused_in_workspace_file: why a workspace's file must not set it; None where it may.
    """

    name: str
    kind: type
    default: Any
    help_text: str
    form: Form
    minimum: float | None
    group: Group
    short: str | None
    completion: str | None
    refused_in_workspace_file: str | None
    singular: str | None

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return f"--{(self.singular or self.name).replace('_', '-')}"

    @property
    def chooses_place(self) -> bool:
        """Whether it decides where work is done."""
        return self.refused_in_workspace_file == _CHOOSES_PLACES

    @property
    def variable(self) -> str:
        """The environment variable of the option."""
        return variable_of(self.flag)


def _option(  # noqa: PLR0913 - what a declaration may say
    default: object,
    help_text: str,
    *,
    form: Form = Form.LINE,
    minimum: float | None = None,
    group: Group = Group.TASK,
    short: str | None = None,
    completion: str | None = None,
    refused_in_workspace_file: str | None = None,
    singular: str | None = None,
) -> Any:
    return field(
        default=default,
        metadata={
            "help_text": help_text,
            "form": form,
            "minimum": minimum,
            "group": group,
            "short": short,
            "completion": completion,
            "refused_in_workspace_file": refused_in_workspace_file,
            "singular": singular,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceOptions:
    """Where a command works. Neither files nor ops `options` set these."""

    workspace: str | None = _option(
        None,
        "Root of the Millrace workspace, or the id of a registered one.  [default: the session's "
        "selection, else .]",
        form=Form.PATH,
        short="-w",
        completion="workspaces",
        refused_in_workspace_file=_CHOOSES_PLACES,
    )
    session_id: str | None = _option(
        None,
        "Use this session's selection, and record the request in it.",
        completion="sessions",
        refused_in_workspace_file=_CHOOSES_PLACES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is done: the options of `millracer run`, with their names, units and defaults."""

    route: RoutePreference = _option(
        RoutePreference.AUTO,
        "Who does the task: pi decides (auto), pi itself (direct) or Millrace.",
    )
    intake: IntakePreference = _option(
        IntakePreference.AUTO, "Intake kind of a delegated task; auto lets pi choose."
    )
    millrace_mode: str | None = _option(
        None,
        "Millrace mode for delegated work.  [default: default_pi]",
        form=Form.NAME,
        completion="modes",
    )
    cwd: str | None = _option(
        None,
        "Working directory of pi and Millrace.  [default: the workspace]",
        form=Form.PATH,
        refused_in_workspace_file=_CHOOSES_PLACES,
    )
    thinking: str = _option(
        "high",
        "Thinking level of the outer pi: off, minimal, low, medium, high or xhigh.",
        group=Group.MODELS,
    )
    provider: str | None = _option(None, "Model provider of the outer pi.", group=Group.MODELS)
    model: str | None = _option(None, "Model of the outer pi.", group=Group.MODELS, short="-m")
    stage_model: str | None = _option(
        None,
        "Model of all stages that run on pi, as PROVIDER/MODEL[:THINKING].  [default: unchanged; "
        "pi's model in a new workspace]",
        form=Form.MODEL,
        completion="models",
        group=Group.MODELS,
    )
    no_model_check: bool = _option(
        False,  # noqa: FBT003 - a switch is off by default
        "Accept a task although pi has no credentials for the model of a stage.",
        group=Group.MODELS,
    )
    gitignore: bool = _option(
        False,  # noqa: FBT003 - see above
        "Add Millrace's folder in the workspace to .gitignore.",
    )
    skill: tuple[str, ...] = _option(
        (),
        "Skill folder or SKILL.md for the outer pi; repeatable.",
        group=Group.MODELS,
        form=Form.PATH,
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )
    no_default_skills: bool = _option(
        False,  # noqa: FBT003 - a switch is off by default
        "Do not load Millrace's operator skills.",
        group=Group.MODELS,
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )
    checks: tuple[Argv, ...] = _option(
        (),
        "Command that must exit 0 before a task counts as completed; repeatable. Millracer runs it "
        "after the work, without a shell.",
        singular="check",
        form=Form.ARGV,
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )
    check_in: CheckPlace = _option(
        NO_CHECKS.place,
        "Where checks run: in a clean export of the files that git does not ignore, or in the "
        "workspace.",
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )
    check_timeout_seconds: float = _option(
        NO_CHECKS.timeout_seconds,
        "Time limit for each check, in seconds.",
        minimum=LEAST_SECONDS,
    )
    daemon_timeout_seconds: float = _option(
        _LIMITS.daemon_timeout_seconds,
        "Time limit for a delegated run, in seconds.",
        group=Group.DAEMON,
        minimum=LEAST_SECONDS,
    )
    max_daemon_restarts: int = _option(
        _LIMITS.max_daemon_restarts,
        "Maximum restarts of a daemon that died before the work ended.",
        group=Group.DAEMON,
        minimum=0,
    )
    max_tokens: int | None = _option(
        None,
        "Start no further stage once the work item has used this many tokens.  [default: no limit]",
        minimum=1,
        group=Group.DAEMON,
    )
    max_stages: int | None = _option(
        None,
        "Start no further stage once this many stages of the work item have ended.  "
        "[default: no limit]",
        minimum=1,
        group=Group.DAEMON,
    )
    poll_interval_seconds: float = _option(
        60.0,
        "Longest time between two status reads if nothing changes on disk, in seconds.",
        group=Group.DAEMON,
        minimum=LEAST_SECONDS,
    )
    pi_timeout_seconds: float = _option(
        _LIMITS.pi_timeout_seconds,
        "Time limit for one turn of pi, in seconds.",
        group=Group.MODELS,
        minimum=LEAST_SECONDS,
    )
    keep_daemon: bool = _option(
        False,  # noqa: FBT003 - see above
        "Leave Millrace's daemon running after the run.",
        group=Group.DAEMON,
    )
    pi_session: PiSession = _option(
        PiSession.RPC,
        "rpc: one conversation with pi for the whole run. print: a new `pi --print` process for "
        "each turn, without memory and without stage notifications.",
        group=Group.MODELS,
    )
    notify_terminal_stages: bool = _option(
        True,  # noqa: FBT003 - a switch that is on gets a `--no-…` beside it
        "Notify pi, in its conversation, of each stage that ends during the delegated run.",
        group=Group.MODELS,
    )
    finalizer: Finalizer = _option(
        Finalizer.PI, "Who writes the answer of a delegated run.", group=Group.MODELS
    )
    no_warm_millrace: bool = _option(
        False,  # noqa: FBT003 - see above
        "Start a new process for each Millrace command instead of using the fork server.",
        group=Group.PROGRAMS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramOptions:
    """Which programs do the work: set by the command line, its environment or the user's file."""

    millrace_command: str | None = _option(
        None,
        "The Millrace program.  [default: setup's, else millrace on PATH]",
        group=Group.PROGRAMS,
        form=Form.PROGRAM,
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )
    pi_command: str | None = _option(
        None,
        "The pi program.  [default: setup's, else pi on PATH]",
        group=Group.PROGRAMS,
        form=Form.PROGRAM,
        refused_in_workspace_file=CHOOSES_PROGRAMS,
    )


def options_of(table: type) -> tuple[Option, ...]:
    """Return what a table declares, in order."""
    types = get_type_hints(table)
    return tuple(
        Option(
            name=each.name, kind=_kind_of(types[each.name]), default=each.default, **each.metadata
        )
        for each in fields(table)
    )


def _kind_of(annotation: Any) -> type:
    if get_origin(annotation) is UnionType:
        (annotation,) = (each for each in get_args(annotation) if each is not NoneType)
    kind: type = get_origin(annotation) or annotation
    return kind


#: The options of a run: on every surface.
RUN_OPTIONS: Final = options_of(RunOptions)

#: The programs: on the command line, in its environment and in the user's file.
PROGRAM_OPTIONS: Final = options_of(ProgramOptions)

#: The workspace and the session: on the command line and in its environment.
WORKSPACE_OPTIONS: Final = options_of(WorkspaceOptions)

#: What a command line and its environment may give, in the order of the help.
COMMAND_LINE_OPTIONS: Final = (*WORKSPACE_OPTIONS, *RUN_OPTIONS, *PROGRAM_OPTIONS)

#: What the user's configuration file may set.
FILE_OPTIONS: Final = (*RUN_OPTIONS, *PROGRAM_OPTIONS)
