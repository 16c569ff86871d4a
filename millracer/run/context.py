"""The working record of one run: the facts that its steps have gathered; no rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.requests import Decision, IntakeKind, RunRequest
from millracer.domain.run.completion import Verdict
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import CheckFact, Evidence, LineageItem
from millracer.domain.run.lifecycle import RunFacts, RunState
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.run.result import ErrorRecord, RunResult
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from millracer.domain.trace_context import NOT_TRACED, RunTrace
from millracer.domain.work.items import ItemStatus, WorkItem
from millracer.domain.work.runtime import RuntimeStatus
from millracer.errors import MillracerError, RunWarning
from millracer.ports import WatchLease
from millracer.run.notifier import Notifier


@dataclass(slots=True)
class RunContext:
    """The state of a run in progress; only the orchestrator and its steps write it."""

    request: RunRequest
    cancellation: Cancellation
    state: RunState = RunState.DECIDE
    facts: RunFacts = field(default_factory=RunFacts)  #: written by the orchestrator's loop alone
    item: WorkItem | None = None
    decision: Decision | None = None
    intake_kind: IntakeKind | None = None
    intake_signals: tuple[str, ...] = ()
    mode: str | None = None
    document_path: str | None = None
    pending_command: str | None = None  #: the mailbox command that a daemon has yet to carry out
    item_status: ItemStatus | None = None
    lineage: tuple[LineageItem, ...] = ()
    found: bool = False  #: Millrace held the item already
    found_ended: bool = False
    lease: WatchLease | None = None
    watch_wait: Wait | None = None
    status: RuntimeStatus | None = None
    stage_tokens: int | None = None  #: used by the ended stages, as last read during the watch
    stop_seen: bool = False
    notifier: Notifier | None = None
    pi_is_busy: bool = False  #: a notice to pi could not be stopped, so no turn may start
    answer: str | None = None
    cancel_reason: CancelReason | None = None
    verdict: Verdict = field(default_factory=Verdict)
    evidence: Evidence | None = None  #: kept only for demanded checks
    checks: tuple[CheckFact, ...] = ()
    warnings: list[RunWarning] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    progress: list[ProgressEvent] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    agent_before: AgentUsage = NO_TURNS  #: the agent's usage when the run began
    trace: RunTrace = NOT_TRACED
    result: RunResult | None = None

    @property
    def wait(self) -> Wait:
        """A wait without a deadline of its own that stops when the caller asks."""
        return Wait(self.cancellation)

    @property
    def ending(self) -> Ending | None:
        """How the run ends, as far as its steps reported."""
        return self.facts.ending

    @property
    def reason(self) -> str:
        """The reason of the ending."""
        return self.facts.reason

    @property
    def restarts(self) -> int:
        """Restarts of the daemon so far in this run."""
        return self.facts.restarts

    @property
    def known_item(self) -> WorkItem:
        """The run's work item, known once `decide` began."""
        if self.item is None:
            raise MillracerError("the run has no work item yet")
        return self.item

    @property
    def known_status(self) -> ItemStatus:
        """The item's status, known once it was enqueued or found."""
        if self.item_status is None:
            raise MillracerError("the work item has no status yet")
        return self.item_status

    @property
    def item_ids(self) -> frozenset[str]:
        """Every id of the item and its descendants in Millrace."""
        ids = {self.known_item.item_id, *(member.item_id for member in self.lineage)}
        if self.item_status is not None and self.item_status.millrace_id:
            ids.add(self.item_status.millrace_id)
        return frozenset(ids)

    def warn(self, code: str, text: str) -> None:
        """Add a warning, once."""
        warning = RunWarning(code, text)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def add_error(self, error: MillracerError) -> None:
        """Add an error that the run ends with."""
        self.errors.append(ErrorRecord.of(error))
