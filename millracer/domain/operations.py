"""The names of the operations, and their requests within one workspace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: The run options of a submission: no model is used, and the route is Millrace.
SUBMIT_OPTIONS: Final = ("intake", "millrace_mode", "cwd")

#: The run options without a meaning for an item that exists already.
NOT_FOR_WATCH: Final = ("route", "intake")


class OperationName(StrEnum):
    """The operations; to watch an item is a run that resumes it, to watch all is a run of each."""

    RUN = "run"
    SUBMIT = "submit"
    STATUS = "status"
    LIST = "list"
    SHOW = "show"
    LOGS = "logs"
    TRACE = "trace"
    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    START = "start"
    STOP = "stop"
    LIST_WORKSPACES = "list_workspaces"
    REGISTER_WORKSPACE = "register_workspace"
    FORGET_WORKSPACE = "forget_workspace"
    SELECT_WORKSPACE = "select_workspace"
    LIST_SESSIONS = "list_sessions"
    INSPECT_SESSION = "inspect_session"
    FORGET_SESSION = "forget_session"


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Report the daemon, the queue and what blocks it."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """List the items of a workspace.

    Attributes:
        states: only items in these states; all where it is empty.
        all_workspaces: also the items of every registered workspace.
    """

    states: tuple[str, ...] = ()
    all_workspaces: bool = False


@dataclass(frozen=True, slots=True)
class ShowRequest:
    """Show one item whole.

    Attributes:
        work_item_id: the item's id, the id of its request, or a unique beginning of its id.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Show what the agents of an item's stages said and did.

    Attributes:
        work_item_id: as for `ShowRequest`.
        stage: only stages of this name; None for all.
        raw: also the recorded files' texts.
    """

    work_item_id: str
    stage: str | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """Show Millrace's evidence about an item.

    Attributes:
        work_item_id: as for `ShowRequest`.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Put a blocked item back into the queue.

    Attributes:
        work_item_id: as for `ShowRequest`.
        reason: Millrace keeps it; None for the default.
    """

    work_item_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Take one item out of the queue.

    Attributes:
        name: the item's id, or the id of its request.
        reason: Millrace keeps it; None for the default.
    """

    name: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """Start no new stage."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """End the pause."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Start a daemon that works the queue until it is stopped."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False
