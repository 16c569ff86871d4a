"""The walk through the lifecycle, and the steps that bring an item into Millrace.

A run and a submission share them, so that both make the same item from the same request.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from millracer.cancellation import Cancelled
from millracer.domain.requests import Decision, Route, RoutePreference
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import (
    Edge,
    Lifecycle,
    RunEvent,
    RunState,
    Step,
)
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import WorkItem
from millracer.errors import (
    InvalidRequest,
    MillracerError,
    ToolNotFound,
    ToolTimeout,
    ToolUnsupported,
)
from millracer.logs import log_item
from millracer.ports import Backend, Clock, EventLogs, ModelLister, ProgressListener, Repository
from millracer.run.context import RunContext
from millracer.run.event_log.log import RunEvents
from millracer.run.prepare.enqueue import enqueue, write_document
from millracer.run.prepare.lookup import find_item, item_named
from millracer.run.prepare.mode import settle_mode
from millracer.run.prepare.new_workspace import announce
from millracer.run.prepare.stage_models import refuse_without_model, settle_stage_models
from millracer.run.progress import Progress

_log = logging.getLogger(__name__)


class Steps(ABC):
    """Performs one step after the other: one method per lifecycle state.

    Args:
        millrace: the workspace's backend.
        models: the models of pi, for the check of the stages' models.
        clock: the clock of progress events and timings.
        unique: returns a fresh text for the identity of work that the caller did not name.
        repository: records the workspace's files before the work begins; None: it is not known.
        listeners: called with every progress event as it happens, in the thread of the run.
        logs: the event logs of the workspace; None: no events are stored.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        millrace: Backend,
        models: ModelLister,
        clock: Clock,
        unique: Callable[[], str],
        repository: Repository | None = None,
        listeners: Sequence[ProgressListener] = (),
        logs: EventLogs | None = None,
    ) -> None:
        self._millrace = millrace
        self._models = models
        self._clock = clock
        self._unique = unique
        self._repository = repository
        self._listeners = tuple(listeners)
        self._logs = logs
        self._events: RunEvents | None = None
        self._effects: Mapping[RunState, Callable[[RunContext], Step]] = {
            RunState.DECIDE: self._decide,
            RunState.INTAKE: self._intake,
            RunState.ENQUEUE: self._enqueue,
        }

    def _walk(self, record: RunContext, edges: Sequence[Edge] | None = None) -> None:
        """Walk through a lifecycle, that of a run by default, until it is finished."""
        lifecycle = Lifecycle(edges=edges)
        while not lifecycle.finished:
            record.state = lifecycle.state
            self._progress(record).state_entered()
            started = self._clock.monotonic()
            step = self._perform(record)
            spent = self._clock.monotonic() - started
            record.timings[record.state] = record.timings.get(record.state, 0.0) + spent
            record.facts = lifecycle.fire(step, record.facts)
            _log.info(
                "%s took %.2f s: %s, then %s", record.state, spent, step.event, lifecycle.state
            )

    def _perform(self, record: RunContext) -> Step:
        try:
            return self._effects[record.state](record)
        except Cancelled as cancelled:
            record.cancel_reason = cancelled.reason
            reason = f"cancelled by the caller ({cancelled.reason})"
            return Step(RunEvent.CANCELLED, Ending.CANCELLED, reason)
        except ToolTimeout as error:
            record.add_error(error)
            if error.tool != "pi":
                return Step(RunEvent.FAILED, Ending.FAILED, error.message)
            return Step(RunEvent.TIMED_OUT, Ending.TIMED_OUT, error.message)
        except MillracerError as error:
            record.add_error(error)
            return Step(RunEvent.FAILED, Ending.FAILED, error.message)

    def _progress(self, record: RunContext) -> Progress:
        return Progress(
            record, self._millrace.workspace, self._clock, self._listeners, self._events
        )

    # decide

    def _decide(self, record: RunContext) -> Step:
        request = record.request
        record.item = (
            work_item_for(request, unique=self._unique())
            if request.resume is None
            else WorkItem(
                item_id=item_named(request.resume, self._millrace), request_hash="", named=True
            )
        )
        log_item(record.item.item_id)
        is_held = record.item.named and self._millrace.is_initialised
        if request.route is not RoutePreference.DIRECT or request.resume is not None or is_held:
            self._check_millrace(record)
        if request.route is not RoutePreference.DIRECT or record.item.named:
            self._millrace.warm_up()
        if is_held:
            found = find_item(record, self._millrace)
            if found is not None:
                if self._events is not None and found.event is RunEvent.ITEM_FOUND_ENDED:
                    self._events.observe()
                return found
        if request.resume is not None:
            raise InvalidRequest(
                f"workspace {self._millrace.workspace} holds no work item {request.resume}",
                field="resume",
                suggested_action="list the items with `millracer list`, or check --workspace",
            )
        record.decision = self._choose_route(record)
        self._progress(record).decided()
        if record.decision.custom_loop_needed:
            record.warn(
                "custom_loop_needed",
                "pi believes that this task needs a custom Millrace loop; it is not built for you. "
                "Name a mode that has one with --millrace-mode",
            )
        if record.decision.route is Route.DIRECT:
            return Step(RunEvent.DIRECT_CHOSEN)
        return Step(RunEvent.DELEGATION_CHOSEN)

    def _check_millrace(self, record: RunContext) -> None:
        """Refuse an unusable Millrace before pi is asked: its answer would be paid for in vain."""
        try:
            self._millrace.check_supported(record.wait)
        except (ToolNotFound, ToolUnsupported) as error:
            if record.request.route is RoutePreference.AUTO and record.request.resume is None:
                error.suggested_action = (
                    f"{error.suggested_action}; --route direct does a task without Millrace"
                )
            raise

    @abstractmethod
    def _choose_route(self, record: RunContext) -> Decision:
        """Return the route of the work."""

    # intake

    def _intake(self, record: RunContext) -> Step:
        self._millrace.check_supported(record.wait)
        self._begin_agent(record)
        is_new = not self._millrace.is_initialised
        if is_new:
            refuse_without_model(record, self._millrace, self._models)
        self._millrace.initialise(record.wait)
        announce(record, self._millrace, is_new=is_new)
        settle_mode(record, self._millrace)
        if record.item_status is not None:
            self._open_log()
            return Step(RunEvent.WORKSPACE_READY)
        settle_stage_models(record, self._millrace, self._models, initialised=is_new)
        self._record_start(record, keep=True)
        write_document(record, self._millrace)
        self._open_log()
        return Step(RunEvent.DOCUMENT_WRITTEN)

    def _open_log(self) -> None:
        if self._events is not None:
            self._events.open()

    def _record_start(self, record: RunContext, *, keep: bool) -> None:
        if self._repository is not None:
            self._repository.record_start(record.known_item.item_id, record.wait, keep=keep)

    @abstractmethod
    def _begin_agent(self, record: RunContext) -> None:
        """Start the agent, if a later step needs one, without waiting for it."""

    # enqueue

    def _enqueue(self, record: RunContext) -> Step:
        step = enqueue(record, self._millrace)
        if step.event is RunEvent.ITEM_ENQUEUED:
            self._log_enqueued(record)
        return step

    def _log_enqueued(self, record: RunContext) -> None:
        self._progress(record).enqueued()
