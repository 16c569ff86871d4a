"""The operations of a server: their programs, options and context."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.cancellation import Cancellation
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.context import OperationContext, Tools
from millracer.operations.fleet_access import NO_FLEET, FleetAccess
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Backend, EventLogs
from millracer.serve.workspaces import ServedWorkspace
from millracer.wiring import SystemClock, new_identity, open_event_logs


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOperations:
    """Performs operations in served workspaces. Thread-safe.

    Attributes:
        tools: pi and Millrace; they keep statuses.
        options: the options of the command line and of files.
        cancellation: cancelled when the server stops; ends each call that waits.
        fleet: the access to the server's fleet.
        has_fleet: whether a fleet is configured.
    """

    tools: Tools
    options: OptionLayers
    cancellation: Cancellation
    fleet: FleetAccess = NO_FLEET
    has_fleet: bool = False

    def context(
        self,
        workspace: ServedWorkspace,
        *,
        options: OptionLayers | None = None,
        cancellation: Cancellation | None = None,
    ) -> OperationContext:
        """Return the context of one operation in a workspace; no session records it."""
        return OperationContext(
            tools=self.tools,
            memory=SessionMemory(None),
            options=options or self.options,
            clock=SystemClock(),
            cancellation=cancellation or self.cancellation,
            find_workspace=lambda: workspace.place,
            new_identity=new_identity,
            session_id=LOCAL_SESSION,
            fleet=self.fleet,
        )

    def fleet_context(self) -> OperationContext:
        """Return the context of one operation on the fleet, which has no workspace here."""
        return OperationContext.without_workspace(
            tools=self.tools,
            options=self.options,
            clock=SystemClock(),
            cancellation=self.cancellation,
            session_id=LOCAL_SESSION,
            fleet=self.fleet,
        )

    def open_millrace(self, workspace: ServedWorkspace) -> Backend:
        """Return the Millrace of a workspace.

        Raises:
            MillracerError: a configuration file, directory or program cannot be used.
        """
        return self.context(workspace).open_millrace(workspace.path)

    def event_logs(self, workspace: ServedWorkspace) -> EventLogs:
        """Return the event logs of a workspace."""
        return open_event_logs(workspace.path)
