"""Where and how an ops request's work on Millrace is done, and what opens the programs for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.domain.workspaces import Resolution, Session
from millracer.errors import WorkspaceUnusable
from millracer.operations.options import RunChoices
from millracer.ports import Backend, Directories
from millracer.schemas.ops_preferences import chosen_intake, chosen_route
from millracer.schemas.ops_request import ReadRequest
from millracer.schemas.run_options import OpsOptions

if TYPE_CHECKING:  # reading a status needs none of what runs a task
    from contextlib import AbstractContextManager

    from millracer.cancellation import Cancellation
    from millracer.run.orchestrator import Orchestrator


class Tools(Protocol):
    """Opens pi and Millrace for one workspace."""

    def millrace(self, root_path: str, choices: RunChoices) -> Backend:
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
