"""Which workspace a request means: the rules' names and what they found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResolutionRule(StrEnum):
    """What said which workspace is meant, in the order they are asked."""

    REQUEST_WORKSPACE_ID = "request_workspace_id"
    REQUEST_ROOT_PATH = "request_root_path"
    CLI_WORKSPACE = "cli_workspace"
    ACTIVE_SESSION = "active_session"
    REGISTRY_DEFAULT = "registry_default"
    CWD = "cwd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The workspace that is meant.

    Attributes:
        root_path: absolute; whether it exists is not said.
        default_mode: the registered workspace's own, if it has one.
    """

    rule: ResolutionRule
    root_path: str
    workspace_id: str | None = None
    display_name: str | None = None
    default_mode: str | None = None
