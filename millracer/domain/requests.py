"""What a caller asks for: the task, its scope, preferences and limits, and the routing decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: The shortest time limit and interval there can be.
LEAST_SECONDS: Final = 0.1


class RoutePreference(StrEnum):
    """What the caller says about the route."""

    AUTO = "auto"
    DIRECT = "direct"
    MILLRACE = "millrace"


class IntakeKind(StrEnum):
    """The kind of intake document Millrace is given."""

    PROBE = "probe"  #: investigate first
    IDEA = "idea"  #: plan and decompose first
    TASK = "task"  #: execute


class IntakePreference(StrEnum):
    """What the caller says about the intake kind."""

    AUTO = "auto"
    PROBE = "probe"
    IDEA = "idea"
    TASK = "task"


class Finalizer(StrEnum):
    """Who writes the answer of a delegated run."""

    PI = "pi"
    SUMMARY = "summary"  #: made from the evidence, no model


class PiSession(StrEnum):
    """How the outer pi is kept over the turns of a run."""

    RPC = "rpc"  #: one process, one conversation
    PRINT = "print"  #: a process a turn, each a conversation of its own


class Route(StrEnum):
    """Who does the task."""

    DIRECT = "direct"  #: pi itself
    MILLRACE = "millrace"  #: Millrace's staged runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedWork:
    """The caller's one selected entry of an outside queue, exactly as given."""

    item_id: str
    title: str | None = None
    source_queue: str | None = None
    spec_path: str | None = None
    completion_ref: str | None = None
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What is asked for, exactly as given: what the request's hash covers and pi or Millrace gets.

    Attributes:
        context_refs: what the caller points to, paths or addresses; any text, nothing is looked up.
    """

    task: str
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a run may take, in seconds, and how often it may restart the daemon."""

    daemon_timeout_seconds: float = 7200.0  #: the delegated wait, restarts included
    pi_timeout_seconds: float = 3600.0  #: one turn of pi
    max_daemon_restarts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One task and everything the caller said about it."""

    task: str  #: empty only with `resume`
    request_id: str
    request_id_named: bool = False  #: the caller chose the request id, so it is an identity
    idempotency_key: str | None = None
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()  #: what the caller points to, exactly as given
    resume: str | None = None  #: a work item id to continue
    route: RoutePreference = RoutePreference.AUTO
    intake: IntakePreference = IntakePreference.AUTO
    mode: str | None = None  #: named by option, environment or request field
    session_mode: str | None = None  #: the session's selected mode
    finalizer: Finalizer = Finalizer.PI
    keep_daemon: bool = False
    notify_terminal_stages: bool = True  #: tell pi of stages that end before the run does
    limits: Limits = Limits()

    @property
    def body(self) -> RequestBody:
        """What is asked for, without what was said about how."""
        return RequestBody(task=self.task, scope=self.scope, context_refs=self.context_refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The route and what goes with it, as pi or the caller chose."""

    route: Route
    why: str
    intake_kind: IntakeKind | None = None
    mode: str | None = None
    custom_loop_needed: bool = False
    signals: tuple[str, ...] = ()
    notes: str = ""
