"""The names of the operations, and their requests within one workspace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OperationName(StrEnum):
    """The operations; to watch an item is a run that resumes it."""

    RUN = "run"
    SUBMIT = "submit"
    STATUS = "status"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    MODELS = "models"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsRequest:
    """Report the models of pi and of the stages, after changes to those of the stages.

    Attributes:
        choices: texts `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an alias for all of them.
        follow_pi: give all aliases the model that pi selects.
        check_models: refuse a model that pi has no credentials for.
    """

    choices: tuple[str, ...] = ()
    follow_pi: bool = False
    check_models: bool = True


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Stop the daemon.

    Attributes:
        force: also a foreign daemon, or one that another command watches.
    """

    force: bool = False
