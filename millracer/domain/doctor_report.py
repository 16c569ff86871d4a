"""The checks of `millracer doctor`, their levels and findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckName(StrEnum):
    """Every check, in order."""

    PYTHON = "python"
    PROC = "proc"
    SQLITE = "sqlite"
    STATE_FOLDER = "state_folder"
    SESSION_STORE = "session_store"
    WORKSPACE = "workspace"
    CONFIGURATION = "configuration"
    MILLRACE = "millrace"
    MILLRACE_START = "millrace_start"
    PI = "pi"
    NODE = "node"
    PI_START = "pi_start"
    PI_MODEL = "pi_model"
    INITIALISED = "initialised"
    MODE = "mode"
    DAEMON = "daemon"
    STALE_STATE = "stale_state"
    BLOCKED_ITEMS = "blocked_items"
    STAGE_MODEL = "stage_model"
    PI_TURN = "pi_turn"


class CheckLevel(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"  #: worth knowing; the commands work
    FAIL = "fail"  #: something a run needs does not work
    SKIPPED = "skipped"  #: not checked, because a check that it depends on failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The finding of one check.

    Attributes:
        next_command: how to fix it: a command to type, wherever one helps.
        detail: more about it, usually a program's own words.
    """

    level: CheckLevel = CheckLevel.OK
    message: str
    next_command: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check and its finding."""

    name: CheckName
    finding: Finding


def is_healthy(checks: Iterable[Check]) -> bool:
    """Return whether no check failed; a warning is not a failure."""
    return all(check.finding.level is not CheckLevel.FAIL for check in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReport:
    """The state of a folder, which need not exist.

    Attributes:
        path: None where there is no place for it.
        writable: whether it is; if it does not exist, whether its future parent is.
        shared: whether other users may write there.
    """

    path: str | None
    exists: bool = False
    is_folder: bool = True
    writable: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """The contents of the session store.

    Attributes:
        corrupt: why the file is not a session store, None where it is one.
    """

    exists: bool
    sessions: int = 0
    workspaces: int = 0
    corrupt: str | None = None
