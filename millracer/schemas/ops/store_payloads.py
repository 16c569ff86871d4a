"""The payloads of the ops actions on the session store."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millracer.schemas.base import OptionalText, TargetName, Text, Texts
from millracer.schemas.ops.payloads import Payload

_WORKSPACE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class SelectWorkspacePayload(Payload):
    """The workspace and mode to select for a session; one of id and path is required.

    Attributes:
        workspace_id: the id of a registered workspace.
        root_path: the path of a workspace; relative to the command's current directory.
        mode: the Millrace mode; if absent, the workspace's default mode.
    """

    workspace_id: TargetName = None
    root_path: OptionalText = None
    mode: OptionalText = None


class RegisterWorkspacePayload(Payload):
    """A workspace to register, and its id.

    Attributes:
        workspace_id: the id to register; stored unchanged.
        root_path: an existing directory; relative to the command's current directory.
        display_name: a name for people.
        default_mode: the Millrace mode of the workspace.
        tags: free words of the caller.
        is_default: ops requests use it if nothing else names a workspace.
    """

    workspace_id: Annotated[str, Field(pattern=_WORKSPACE_ID, max_length=128)]
    root_path: Text
    display_name: OptionalText = None
    default_mode: OptionalText = None
    tags: Texts = ()
    is_default: bool | None = None


class ForgetWorkspacePayload(Payload):
    """The registered workspace to remove.

    Attributes:
        workspace_id: its id.
    """

    workspace_id: Text


class ForgetSessionPayload(Payload):
    """The session to remove.

    Attributes:
        session_id: its id.
    """

    session_id: Text
