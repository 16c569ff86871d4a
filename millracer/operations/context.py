"""The context of operations: workspace, options, and access to pi and Millrace."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from millracer.cancellation import Cancellation
from millracer.domain.requests import RoutePreference, RunRequest
from millracer.domain.run.options import RunOptions
from millracer.domain.workspaces import Resolution, Session
from millracer.errors import InvalidRequest, RunWarning, WorkspaceUnusable
from millracer.operations.fleet_access import NO_FLEET, FleetAccess
from millracer.operations.options import Merged, OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.ports import (
    Agent,
    Backend,
    CertificateKeys,
    CheckRunner,
    Clock,
    Directories,
    EventLogs,
    Repository,
)
from millracer.schemas.ops.preferences import chosen_intake, chosen_route

if TYPE_CHECKING:  # an operation does not need the modules of others
    from contextlib import AbstractContextManager

    from millracer.domain.run.result import RunResult
    from millracer.ports.fleet_store import FleetStore
    from millracer.schemas.doctor import DoctorResult
    from millracer.schemas.ops.request import ReadRequest

#: How long pi may take to end after an operation.
PI_CLOSE_SECONDS = 5.0
_AUTO = RoutePreference.AUTO.value


class TaskRunner(Protocol):
    """Runs tasks with pi and Millrace."""

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        """Run one task to its end and return its result."""
        ...


class Tools(Protocol):
    """Opens pi and Millrace for one workspace."""

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        """Return the backend of a workspace.

        Raises:
            MillracerError: a chosen directory or program cannot be used.
        """
        ...

    def repository(self, root_path: str) -> Repository:
        """Return the repository of a workspace."""

    def keys(self) -> CertificateKeys:
        """Return the user's keys of certificates."""

    def check_runner(self) -> CheckRunner:
        """Return the runner of the caller's checks."""

    def event_logs(self, root_path: str) -> EventLogs | None:
        """Return the event logs of a workspace; None: no events are stored."""
        ...

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        """Return a conversation with pi, not started yet; the caller closes it.

        Raises:
            MillracerError: a chosen directory, program or skill cannot be used.
        """
        ...

    def examine(
        self,
        place: SelectedWorkspace,
        options: OptionLayers,
        cancellation: Cancellation,
        *,
        with_turn: bool,
    ) -> DoctorResult:
        """Check whether a run would work in a workspace; changes nothing there.

        Raises:
            MillracerError: the checks cannot be made.
            Cancelled: the caller requested a stop.
        """
        ...

    def orchestrator(
        self,
        root_path: str,
        options: RunOptions,
        cancellation: Cancellation,
        *,
        trace_ref: str | None = None,
    ) -> AbstractContextManager[TaskRunner]:
        """Yield an orchestrator for one run; the programs it started end with the block.

        Args:
            root_path: the workspace.
            options: the options of the run.
            cancellation: also shortens the end of the programs.
            trace_ref: the caller's span; None, or one that is not a `traceparent`: that of the
                environment.

        Raises:
            MillracerError: a chosen directory, program or skill cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedWorkspace:
    """An existing workspace directory, and the mode selected with it.

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
    options: RunOptions
    root_path: str
    warnings: tuple[RunWarning, ...] = ()


def prepare_task(
    task: str, request_id: str, place: SelectedWorkspace, options: OptionLayers, **identity: Any
) -> PreparedTask:
    """Return a task with its workspace and the options that apply there.

    Args:
        task: the text of the task.
        request_id: the id of the request.
        place: the workspace.
        options: the sources of the options.
        identity: further fields of the request.

    Raises:
        ConfigInvalid: the workspace's configuration file cannot be used.
    """
    merged = options.for_workspace(place.root_path, session_mode=place.mode)
    return PreparedTask(
        request=replace(merged.request(task, request_id), **identity),
        options=merged.options,
        root_path=place.root_path,
        warnings=place.warnings,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """The ports and the caller of an operation.

    Attributes:
        find_workspace: returns the caller's workspace; raises InvalidRequest for a path that is
            not a directory.
        new_identity: returns a fresh text to identify work without a name.
        session_id: the caller's session.
        fleet: the caller's fleet.
    """

    tools: Tools
    memory: SessionMemory
    options: OptionLayers
    clock: Clock
    cancellation: Cancellation
    find_workspace: Callable[[], SelectedWorkspace]
    new_identity: Callable[[], str]
    session_id: str
    fleet: FleetAccess = NO_FLEET

    @classmethod
    def without_workspace(  # noqa: PLR0913 - the fields of a context
        cls,
        *,
        tools: Tools,
        options: OptionLayers,
        clock: Clock,
        cancellation: Cancellation,
        fleet: FleetAccess = NO_FLEET,
        memory: SessionMemory | None = None,
        session_id: str = "",
    ) -> OperationContext:
        """Return the context of a caller without a workspace: `find_workspace` always raises.

        Without a memory, no session records the operation.
        """
        return cls(
            tools=tools,
            memory=memory or SessionMemory(None),
            options=options,
            clock=clock,
            cancellation=cancellation,
            find_workspace=_no_workspace,
            new_identity=lambda: secrets.token_hex(16),
            session_id=session_id,
            fleet=fleet,
        )

    def open_fleet(self) -> AbstractContextManager[FleetStore]:
        """Return a context manager that opens the store of the caller's fleet.

        Raises:
            MillracerError: no fleet is configured, or its libraries are missing.
            Cancelled: the caller requested a stop.
        """
        self.cancellation.raise_if_cancelled()
        return self.fleet.open()

    def open_millrace(self, root_path: str) -> Backend:
        """Return the backend of a workspace, with the options that apply there.

        Raises:
            MillracerError: a configuration file, directory or program cannot be used.
        """
        return self.tools.millrace(root_path, self.options.for_workspace(root_path).options)


def _no_workspace() -> NoReturn:
    raise InvalidRequest(
        "this operation has no workspace on this machine",
        field="workspace_ref",
        suggested_action="leave `workspace_ref.root_path` out, and name a workspace of the fleet",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workspace and the options of one request."""

    resolution: Resolution
    merged: Merged

    @property
    def mode(self) -> str | None:
        """The mode of the work, None where no source gives one."""
        return self.merged.options.millrace_mode


def target_of(
    read: ReadRequest, resolution: Resolution, session: Session | None, options: OptionLayers
) -> Target:
    """Merge what request, command line, session, registry and files give, in that precedence.

    Raises:
        ConfigInvalid: the workspace's configuration file cannot be used.
    """
    selected = None if session is None or session.selection is None else session.selection.mode
    merged = options.with_values(**given_by(read)).for_workspace(
        resolution.root_path, session_mode=selected or resolution.default_mode
    )
    return Target(resolution=resolution, merged=merged)


def given_by(read: ReadRequest) -> dict[str, Any]:
    """Return the options of a request; a preference except `auto` precedes its option."""
    request = read.request
    given = {} if request.options is None else request.options.given()
    for name, preference in (
        ("route", chosen_route(request.route_preference)),
        ("intake", chosen_intake(request.intake_preference)),
    ):
        if preference is not None and (preference != _AUTO or name not in given):
            given[name] = preference
    if request.workspace_ref.mode is not None:
        given["millrace_mode"] = request.workspace_ref.mode
    return given


def require_directory(root_path: str, directories: Directories) -> None:
    """Refuse a path that is not a directory.

    Raises:
        WorkspaceUnusable: the path is not a directory.
    """
    if not directories.exists(root_path):
        raise WorkspaceUnusable(
            f"the workspace {root_path} is not a directory",
            code="workspace_missing",
            suggested_action="create the directory, or name another workspace",
        )
