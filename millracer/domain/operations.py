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
    """The operations; to watch an item is a run that resumes it."""

    RUN = "run"
    SUBMIT = "submit"
    STATUS = "status"
    DIFF = "diff"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
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
class DiffRequest:
    """Show the changes during the work on one item.

    Attributes:
        name: the item's id, or the id of its request.
    """

    name: str


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
class StopRequest:
    """Stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False
