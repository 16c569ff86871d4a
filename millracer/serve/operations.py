"""The operations of a server: their programs, options and context."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.cancellation import Cancellation
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.context import OperationContext, Tools
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
    """

    tools: Tools
    options: OptionLayers
    cancellation: Cancellation

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
