"""The context of the operations of an MCP server: no session records them."""

from __future__ import annotations

from millracer.cancellation import Cancellation
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.context import OperationContext, SelectedWorkspace, Tools
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.wiring import SystemClock, new_identity


def operation_context(
    place: SelectedWorkspace, tools: Tools, options: OptionLayers, cancellation: Cancellation
) -> OperationContext:
    """Return the context of one operation in a workspace."""
    return OperationContext(
        tools=tools,
        memory=SessionMemory(None),
        options=options,
        clock=SystemClock(),
        cancellation=cancellation,
        find_workspace=lambda: place,
        new_identity=new_identity,
        session_id=LOCAL_SESSION,
    )
