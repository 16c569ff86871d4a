"""How a run is done: what files and the command line chose, and what a request chooses instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    Limits,
    PiSession,
    RoutePreference,
    RunRequest,
)
from millracer.schemas.run_options import SaidOptions

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """The options of a run that files, the command line, its environment and a request may set.

    Attributes:
        configured_mode: the mode that a configuration file names, for work of which neither its
            caller nor its session nor the registry says any.
        cwd: working directory of pi and Millrace; None: the workspace.
        skills: paths of skill folders or SKILL.md files.
        warm_millrace: let one process that has imported Millrace run its commands.
        poll_interval_seconds: ask Millrace at least this often although nothing changed.
    """

    route: RoutePreference = RoutePreference.AUTO
    intake: IntakePreference = IntakePreference.AUTO
    mode: str | None = None
    configured_mode: str | None = None
    cwd: str | None = None
    thinking: str = "high"
    provider: str | None = None
    model: str | None = None
    skills: tuple[str, ...] = ()
    default_skills: bool = True
    daemon_timeout_seconds: float = 7200.0
    max_daemon_restarts: int = 1
    poll_interval_seconds: float = 60.0
    pi_timeout_seconds: float = 3600.0
    keep_daemon: bool = False
    pi_session: PiSession = PiSession.RPC
    notify_terminal_stages: bool = True
    finalizer: Finalizer = Finalizer.PI
    warm_millrace: bool = True

    def configured(self, options: SaidOptions) -> RunChoices:
        """Return these choices with everything that a configuration file says instead."""
        return replace(
            self.overlaid(options),
            mode=self.mode,
            configured_mode=_said(options.millrace_mode, self.configured_mode),
        )

    def overlaid(self, options: SaidOptions) -> RunChoices:
        """Return these choices with everything that a command line or a request says instead."""
        without_skills, without_warm = options.no_default_skills, options.no_warm_millrace
        return replace(
            self,
            route=_said(options.route, self.route),
            intake=_said(options.intake, self.intake),
            mode=_said(options.millrace_mode, self.mode),
            skills=options.skill or self.skills,
            default_skills=self.default_skills if without_skills is None else not without_skills,
            thinking=_said(options.thinking, self.thinking),
            provider=_said(options.provider, self.provider),
            model=_said(options.model, self.model),
            daemon_timeout_seconds=_said(
                options.daemon_timeout_seconds, self.daemon_timeout_seconds
            ),
            max_daemon_restarts=_said(options.max_daemon_restarts, self.max_daemon_restarts),
            poll_interval_seconds=_said(options.poll_interval_seconds, self.poll_interval_seconds),
            pi_timeout_seconds=_said(options.pi_timeout_seconds, self.pi_timeout_seconds),
            keep_daemon=_said(options.keep_daemon, self.keep_daemon),
            pi_session=_said(options.pi_session, self.pi_session),
            notify_terminal_stages=_said(
                options.notify_terminal_stages, self.notify_terminal_stages
            ),
            finalizer=_said(options.finalizer, self.finalizer),
            cwd=_said(options.cwd, self.cwd),
            warm_millrace=self.warm_millrace if without_warm is None else not without_warm,
        )

    def request(self, task: str, request_id: str) -> RunRequest:
        """Return a run of a task done by these choices; who it is for is added by `replace`."""
        return RunRequest(
            task=task,
            request_id=request_id,
            route=self.route,
            intake=self.intake,
            mode=self.mode,
            finalizer=self.finalizer,
            keep_daemon=self.keep_daemon,
            # A process a turn has no conversation in which a stage could be told.
            notify_terminal_stages=self.notify_terminal_stages and self.pi_session is PiSession.RPC,
            limits=Limits(
                daemon_timeout_seconds=self.daemon_timeout_seconds,
                pi_timeout_seconds=self.pi_timeout_seconds,
                max_daemon_restarts=self.max_daemon_restarts,
            ),
        )


def _says_nothing(_root_path: str) -> SaidOptions:
    return SaidOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredChoices:
    """What is chosen for runs by whom, while it is not known yet in which workspace.

    Attributes:
        base: what counts where nobody says anything.
        user: what the user's configuration file says.
        workspace: returns what the file of a workspace says; raises ConfigInvalid.
        said: what options and environment say.
    """

    base: RunChoices = field(default_factory=RunChoices)
    user: SaidOptions = field(default_factory=SaidOptions)
    workspace: Callable[[str], SaidOptions] = _says_nothing
    said: SaidOptions = field(default_factory=SaidOptions)

    @property
    def anywhere(self) -> RunChoices:
        """What is chosen whatever the workspace, as far as its file does not say otherwise."""
        return self.base.configured(self.user).overlaid(self.said)

    def at(self, root_path: str) -> RunChoices:
        """Return what is chosen for runs in a workspace.

        Raises:
            ConfigInvalid: its configuration file cannot be read, or says what it must not.
        """
        configured = self.base.configured(self.user).configured(self.workspace(root_path))
        return configured.overlaid(self.said)

    def saying(self, **said: object) -> LayeredChoices:
        """Return the choices of a caller who says these options, too."""
        return replace(self, said=self.said.model_copy(update=said))


def _said(value: _Value | None, otherwise: _Value) -> _Value:
    return otherwise if value is None else value
