"""The actions of an ops request, and what each reads of `input.payload`."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from millracer.schemas.base import Incoming, OptionalText, Text, Texts

_WORKSPACE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Action(StrEnum):
    """What a request may ask for."""

    STATUS = "status"  #: Millrace's own status of one workspace
    ENQUEUE = "enqueue"  #: one task, run to its end
    LIST_WORKSPACES = "list_workspaces"
    SELECT_WORKSPACE = "select_workspace"
    REGISTER_WORKSPACE = "register_workspace"
    FORGET_WORKSPACE = "forget_workspace"
    LIST_SESSIONS = "list_sessions"
    INSPECT_SESSION = "inspect_session"
    FORGET_SESSION = "forget_session"


class Payload(Incoming):
    """What every action may carry: the session it belongs to."""

    session_id: OptionalText = None


class EnqueuePayload(Payload):
    """A task, where `input.text` does not give it; its text is kept unchanged."""

    task: str | None = None
    text: str | None = None


class SelectWorkspacePayload(Payload):
    """What a session works with from now on; one of id and path is needed.

    Attributes:
        mode: the Millrace mode of its work; without it the workspace's default mode.
    """

    workspace_id: OptionalText = None
    root_path: OptionalText = None
    mode: OptionalText = None


class RegisterWorkspacePayload(Payload):
    """A workspace and the id it is to be known by.

    Attributes:
        workspace_id: kept exactly as given.
        root_path: an existing directory; a relative one is taken from where the command runs.
        is_default: ops and the operator take it where nothing else names a workspace.
    """

    workspace_id: Annotated[str, Field(pattern=_WORKSPACE_ID, max_length=128)]
    root_path: Text
    display_name: OptionalText = None
    default_mode: OptionalText = None
    tags: Texts = ()
    is_default: bool | None = None


class ForgetWorkspacePayload(Payload):
    """Which registered workspace is to be forgotten."""

    workspace_id: Text


class ForgetSessionPayload(Payload):
    """Which session is to be forgotten."""

    session_id: Text


#: What each action's payload is read as.
PAYLOADS: MappingProxyType[Action, type[Payload]] = MappingProxyType(
    {
        Action.STATUS: Payload,
        Action.ENQUEUE: EnqueuePayload,
        Action.LIST_WORKSPACES: Payload,
        Action.SELECT_WORKSPACE: SelectWorkspacePayload,
        Action.REGISTER_WORKSPACE: RegisterWorkspacePayload,
        Action.FORGET_WORKSPACE: ForgetWorkspacePayload,
        Action.LIST_SESSIONS: Payload,
        Action.INSPECT_SESSION: Payload,
        Action.FORGET_SESSION: ForgetSessionPayload,
    }
)
