"""Where and how an ops request's work on Millrace is done, and what opens the programs for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from millracer.cancellation import Cancellation
from millracer.domain.requests import IntakePreference, RoutePreference, RunRequest
from millracer.domain.workspaces import Resolution, Session
from millracer.errors import RunWarning, WorkspaceUnusable
from millracer.operations.options import LayeredChoices, RunChoices
from millracer.operations.session_memory import SessionMemory
from millracer.ports import Clock, Directories, Millrace
from millracer.schemas.ops_preferences import chosen_intake, chosen_route
from millracer.schemas.ops_request import ReadRequest
from millracer.schemas.run_options import OpsOptions

if TYPE_CHECKING:  # reading a status needs none of what runs a task
    from contextlib import AbstractContextManager

    from millracer.run.orchestrator import Orchestrator


class Tools(Protocol):
    """Opens pi and Millrace for one workspace."""

    def millrace(self, root_path: str, choices: RunChoices) -> Millrace:
        """Return the Millrace of a workspace.

        Raises:
            MillracerError: a chosen directory or program cannot be used.
        """
        ...

    def orchestrator(
        self, root_path: str, choices: RunChoices, cancellation: Cancellation
    ) -> AbstractContextManager[Orchestrator]:
        """Yield an orchestrator; what it started ends with the block.

        Raises:
            MillracerError: a chosen directory, program or skill cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedWorkspace:
    """An existing workspace directory, and what was selected with it.

    Attributes:
        root_path: absolute.
        resolution: the rule that selected it.
        mode: the mode of the session, else of the registry.
    """

    root_path: str
    resolution: Resolution
    mode: str | None = None
    warnings: tuple[RunWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTask:
    """A task whose workspace and options are known."""

    request: RunRequest
    choices: RunChoices
    root_path: str
    warnings: tuple[RunWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """What an operation may use, and for whom it works.

    Attributes:
        find_workspace: returns the caller's workspace; raises InvalidRequest for a path that is
            not a directory.
        new_identity: returns a fresh text for work that its caller did not name.
        session_id: the caller's session.
    """

    tools: Tools
    memory: SessionMemory
    choices: LayeredChoices
    clock: Clock
    cancellation: Cancellation
    find_workspace: Callable[[], SelectedWorkspace]
    new_identity: Callable[[], str]
    session_id: str

    def open_millrace(self, root_path: str) -> Millrace:
        """Return the Millrace of a workspace, with the options that hold there.

        Raises:
            MillracerError: a configuration file, directory or program cannot be used.
        """
        return self.tools.millrace(root_path, self.choices.at(root_path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one request's work is done, and how."""

    resolution: Resolution
    choices: RunChoices
    session_mode: str | None

    @property
    def mode(self) -> str | None:
        """The mode that was named for the work, by whoever goes first."""
        return self.choices.mode or self.session_mode


def target_of(
    read: ReadRequest, resolution: Resolution, session: Session | None, choices: RunChoices
) -> Target:
    """Put together what request, command line, session and registry say of the work.

    The request's own words go first, then the command line's, then what the session selected, then
    what the workspace is registered with, then what configuration files say.
    """
    request = read.request
    options = request.options or OpsOptions()
    route = chosen_route(request.route_preference)
    intake = chosen_intake(request.intake_preference)
    if route is RoutePreference.AUTO:
        route = options.route or route
    if intake is IntakePreference.AUTO:
        intake = options.intake or intake
    choices = choices.overlaid(options)
    choices = replace(
        choices,
        mode=request.workspace_ref.mode or choices.mode,
        route=route or choices.route,
        intake=intake or choices.intake,
    )
    selected = None if session is None or session.selection is None else session.selection.mode
    return Target(
        resolution=resolution,
        choices=choices,
        session_mode=selected or resolution.default_mode or choices.configured_mode,
    )


def require_directory(root_path: str, directories: Directories) -> None:
    """Refuse a path that is no directory.

    Raises:
        WorkspaceUnusable: it is none.
    """
    if not directories.exists(root_path):
        raise WorkspaceUnusable(
            f"the workspace {root_path} is not a directory",
            code="workspace_missing",
            suggested_action="create the directory, or name another workspace",
        )
