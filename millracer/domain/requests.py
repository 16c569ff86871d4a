"""Requests: the task, its scope, preferences and limits, and the routing decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from millracer.domain.checks import NO_CHECKS, DemandedChecks

if TYPE_CHECKING:
    from millracer.domain.models import ModelChoice

#: The shortest time limit and interval.
LEAST_SECONDS: Final = 0.1


class RoutePreference(StrEnum):
    """The caller's preference for the route."""

    AUTO = "auto"
    DIRECT = "direct"
    MILLRACE = "millrace"


class IntakeKind(StrEnum):
    """The kind of intake document that Millrace gets."""

    PROBE = "probe"  #: investigate first
    IDEA = "idea"  #: plan and decompose first
    TASK = "task"  #: execute


class IntakePreference(StrEnum):
    """The caller's preference for the intake kind."""

    AUTO = "auto"
    PROBE = "probe"
    IDEA = "idea"
    TASK = "task"


class Finalizer(StrEnum):
    """The writer of a delegated run's answer."""

    PI = "pi"
    SUMMARY = "summary"  #: built from the evidence without a model


class PiSession(StrEnum):
    """How Millracer keeps pi over the turns of a run."""

    RPC = "rpc"  #: one process, one conversation
    PRINT = "print"  #: one process and one conversation per turn


class Route(StrEnum):
    """The route of a task."""

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
    """The content of a request, exactly as given: covered by its hash, passed to pi or Millrace.

    Attributes:
        context_refs: the caller's references, paths or addresses; any text, never resolved.
    """

    task: str
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a run: times in seconds, daemon restarts, and the budgets of its work item."""

    daemon_timeout_seconds: float = 7200.0  #: watching the item, restarts included
    pi_timeout_seconds: float = 3600.0  #: one turn of pi
    max_daemon_restarts: int = 1
    max_tokens: int | None = None  #: tokens after which no further stage may begin
    max_stages: int | None = None  #: ended stages after which no further stage may begin


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One task with the caller's scope, preferences and limits."""

    task: str  #: empty only with `resume`
    request_id: str
    request_id_named: bool = False  #: the caller chose the request id, so it is an identity
    idempotency_key: str | None = None
    scope: ScopedWork | None = None
    scope_is_unclear: bool = False  #: a scope was given without one usable id: never completed
    context_refs: tuple[str, ...] = ()  #: the caller's references, exactly as given
    resume: str | None = None  #: a work item id to continue
    route: RoutePreference = RoutePreference.AUTO
    intake: IntakePreference = IntakePreference.AUTO
    mode: str | None = None  #: named by option, environment or request field
    session_mode: str | None = None  #: the session's selected mode
    finalizer: Finalizer = Finalizer.PI
    keep_daemon: bool = False
    notify_terminal_stages: bool = True  #: notify pi of stages that end before the run does
    stage_model: ModelChoice | None = None  #: the model of all stages that run on pi
    check_models: bool = True  #: refuse work whose stages would use a model without credentials
    observe: bool = False  #: only read: start, stop and write nothing; with `resume`
    gitignore: bool = False  #: let git ignore the backend's folder in the workspace
    limits: Limits = Limits()
    checks: DemandedChecks = NO_CHECKS  #: completion also needs that these pass

    @property
    def body(self) -> RequestBody:
        """The content of the request, without preferences and limits."""
        return RequestBody(task=self.task, scope=self.scope, context_refs=self.context_refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The route and its details, as pi or the caller chose them."""

    route: Route
    why: str
    intake_kind: IntakeKind | None = None
    mode: str | None = None
    custom_loop_needed: bool = False
    signals: tuple[str, ...] = ()
    notes: str = ""
