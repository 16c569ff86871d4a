"""The options of a run, merged from files, environment, command line and request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from millracer.domain.checks import DemandedChecks
from millracer.domain.configuration import ValueOrigin
from millracer.domain.requests import Limits, PiSession, RunRequest
from millracer.domain.run.options import RUN_OPTIONS, RunOptions
from millracer.errors import InvalidRequest

if TYPE_CHECKING:
    from millracer.domain.models import ModelChoice

#: Origins by which the caller of a run chooses a mode itself.
_CALLER = frozenset({ValueOrigin.OPTION, ValueOrigin.ENVIRONMENT})

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The options from one source, by name; None and empty values are ignored."""

    origin: ValueOrigin
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The effective options, and the origin of each.

    Attributes:
        origins: by name; `default` where no source sets the option.
    """

    options: RunOptions
    origins: Mapping[str, ValueOrigin]

    @property
    def named_mode(self) -> str | None:
        """The mode that the caller chooses by request, option or environment."""
        return self.options.millrace_mode if self._caller_names_mode else None

    @property
    def session_mode(self) -> str | None:
        """The mode of the session, the registry or a file, where the caller chooses none."""
        return None if self._caller_names_mode else self.options.millrace_mode

    @property
    def _caller_names_mode(self) -> bool:
        return self.origins["millrace_mode"] in _CALLER

    def request(self, task: str, request_id: str) -> RunRequest:
        """Return the request of a run with these options; `replace` adds scope and identity."""
        options = self.options
        return RunRequest(
            task=task,
            request_id=request_id,
            route=options.route,
            intake=options.intake,
            mode=self.named_mode,
            session_mode=self.session_mode,
            stage_model=choose_stage_model(options.stage_model),
            check_models=not options.no_model_check,
            gitignore=options.gitignore,
            finalizer=options.finalizer,
            keep_daemon=options.keep_daemon,
            # Only a conversation can be notified, and `print` starts a process for each turn.
            notify_terminal_stages=options.notify_terminal_stages
            and options.pi_session is PiSession.RPC,
            checks=DemandedChecks(
                commands=options.checks,
                place=options.check_in,
                timeout_seconds=options.check_timeout_seconds,
            ),
            limits=Limits(
                daemon_timeout_seconds=options.daemon_timeout_seconds,
                pi_timeout_seconds=options.pi_timeout_seconds,
                max_daemon_restarts=options.max_daemon_restarts,
                max_tokens=options.max_tokens,
                max_stages=options.max_stages,
            ),
        )


def merge(layers: Sequence[Layer]) -> Merged:
    """Return the effective options; a layer takes precedence over those before it."""
    values: dict[str, Any] = {}
    origins = {option.name: ValueOrigin.DEFAULT for option in RUN_OPTIONS}
    for layer in layers:
        given = {name: value for name, value in layer.values.items() if value not in (None, (), "")}
        values |= given
        origins |= dict.fromkeys(given, layer.origin)
    return Merged(options=RunOptions(**values), origins=origins)


def choose_stage_model(text: str | None) -> ModelChoice | None:
    """Return the model for the stages that an option names, None without one.

    Raises:
        InvalidRequest: it is not `PROVIDER/MODEL[:THINKING]`.
    """
    if text is None:
        return None
    from millracer.domain.models import parse_choice  # noqa: PLC0415 - few requests name a model

    choice = parse_choice(text)
    if choice is None:
        raise InvalidRequest(
            f"stage_model {text!r} is not PROVIDER/MODEL[:THINKING]",
            field="stage_model",
            suggested_action="name it as `millracer models` shows it, such as "
            "anthropic/claude-opus-4-5:medium",
        )
    return choice


def values_of(options: RunOptions) -> Values:
    """Return the options that differ from the defaults."""
    values = ((option, getattr(options, option.name)) for option in RUN_OPTIONS)
    return {option.name: value for option, value in values if value != option.default}


def _no_values(_root_path: str) -> Values:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLayers:
    """The sources of a run's options, before its workspace is known.

    Attributes:
        user: the user's configuration file.
        workspace: reads the file of the workspace at a path; raises ConfigInvalid.
        environment: environment variables.
        given: the command line, the library's arguments or a request.
    """

    user: Values = field(default_factory=dict)
    workspace: Callable[[str], Values] = _no_values
    environment: Values = field(default_factory=dict)
    given: Values = field(default_factory=dict)

    @property
    def anywhere(self) -> Merged:
        """The options in a workspace without a file and without a session."""
        return self._merged({}, None)

    def for_workspace(self, root_path: str, *, session_mode: str | None = None) -> Merged:
        """Return the options of runs in a workspace.

        Args:
            root_path: the workspace.
            session_mode: the mode that the session selected, or that the workspace is registered
                with. It takes precedence over files alone.

        Raises:
            ConfigInvalid: its configuration file cannot be read, or sets what it must not.
        """
        return self._merged(self.workspace(root_path), session_mode)

    def with_values(self, **values: object) -> OptionLayers:
        """Return these sources with other given values; None removes a given value."""
        environment = {
            name: value for name, value in self.environment.items() if name not in values
        }
        return replace(self, environment=environment, given={**self.given, **values})

    def _merged(self, workspace: Values, session_mode: str | None) -> Merged:
        return merge(
            (
                Layer(origin=ValueOrigin.USER_FILE, values=self.user),
                Layer(origin=ValueOrigin.WORKSPACE_FILE, values=workspace),
                Layer(origin=ValueOrigin.SESSION, values={"millrace_mode": session_mode}),
                Layer(origin=ValueOrigin.ENVIRONMENT, values=self.environment),
                Layer(origin=ValueOrigin.OPTION, values=self.given),
            )
        )
