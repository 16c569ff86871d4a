"""Convenience state: registered workspaces and sessions' selections.

It holds no state of queues, runs, outcomes or evidence: those are always read from Millrace.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: How many request ids a session remembers.
RECENT_REQUESTS = 20

#: The session of a caller that names none.
LOCAL_SESSION = "local"

#: The workspace id that always means the command's own workspace; it cannot be registered.
DEFAULT_WORKSPACE = "default"

_KEY_DIGITS = 8


def workspace_key(root_path: str) -> str:
    """Return the key of a workspace in addresses and task ids; it depends only on the path."""
    encoded = root_path.encode("utf-8", "surrogateescape")
    return hashlib.sha256(encoded).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredWorkspace:
    """A workspace that callers may name by an id.

    Attributes:
        root_path: absolute; it may no longer exist.
        default_mode: the Millrace mode to select with it, if any.
        is_default: ops requests use it where nothing else names a workspace; at most one workspace
            is the default. Commands, the operator included, work in the current directory.
    """

    workspace_id: str
    root_path: str
    display_name: str | None = None
    default_mode: str | None = None
    tags: tuple[str, ...] = ()
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The workspace and mode a session chose, or one of them.

    Attributes:
        workspace_id: None for a workspace chosen by its path alone, and where none was chosen.
        root_path: absolute, kept so that a selection outlives the registry's entry; None where no
            workspace was chosen, and for one that was imported without it.
    """

    workspace_id: str | None
    root_path: str | None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The remembered choices of one caller.

    Attributes:
        recent_request_ids: the last `RECENT_REQUESTS`, oldest first.
        last_warning_codes: of the last request.
        created_at: aware, in UTC; so is `updated_at`.
    """

    session_id: str
    client_name: str
    selection: Selection | None = None
    recent_request_ids: tuple[str, ...] = ()
    last_warning_codes: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime


class ResolutionRule(StrEnum):
    """The rules that select a workspace, in order of precedence."""

    REQUEST_WORKSPACE_ID = "request_workspace_id"
    REQUEST_ROOT_PATH = "request_root_path"
    CLI_WORKSPACE = "cli_workspace"
    ACTIVE_SESSION = "active_session"
    REGISTRY_DEFAULT = "registry_default"
    CWD = "cwd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The selected workspace, and the rule that selected it.

    Attributes:
        root_path: absolute; it need not exist.
        default_mode: the registered workspace's own, if it has one.
    """

    rule: ResolutionRule
    root_path: str
    workspace_id: str | None = None
    display_name: str | None = None
    default_mode: str | None = None
