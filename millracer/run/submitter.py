"""Submit one item: the steps of a run until it is in Millrace, without an agent or a daemon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from millracer.cancellation import Cancellation
from millracer.domain.requests import Decision, RoutePreference, RunRequest
from millracer.domain.run.lifecycle import SUBMISSION_EDGES, RunState, Step
from millracer.logs import run_logged
from millracer.ports import Backend, Clock, EventLogs, ModelLister, Repository
from millracer.run.context import RunContext
from millracer.run.event_log.log import log_submission
from millracer.run.prepare.accept import accept
from millracer.run.routing import DELEGATED
from millracer.run.steps import Steps


class Submitter(Steps):
    """Submits items in one workspace.

    Args:
        millrace: the workspace's backend.
        models: the models of pi, for the check of the stages' models.
        clock: the clock of the steps' times.
        unique: returns a fresh text for the identity of work that the caller did not name.
        repository: records the workspace's files before the work begins; None: it is not known.
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
        logs: EventLogs | None = None,
    ) -> None:
        super().__init__(
            millrace=millrace,
            models=models,
            clock=clock,
            unique=unique,
            repository=repository,
            logs=logs,
        )
        self._effects = {**self._effects, RunState.ACCEPT: self._accept}

    def submit(self, request: RunRequest, cancellation: Cancellation) -> RunContext:
        """Perform the steps until the item is in Millrace, and return their record.

        The item is delegated whatever route the request prefers. Errors and a cancellation are in
        the record.
        """
        delegated = replace(request, route=RoutePreference.MILLRACE)
        record = RunContext(request=delegated, cancellation=cancellation)
        with run_logged(request.request_id):
            self._walk(record, SUBMISSION_EDGES)
        return record

    def _choose_route(self, record: RunContext) -> Decision:  # noqa: ARG002 - the step's
        return DELEGATED

    def _begin_agent(self, record: RunContext) -> None:
        """Do nothing: a submission needs no agent."""

    def _log_enqueued(self, record: RunContext) -> None:
        if self._logs is not None:
            log_submission(self._logs, record, self._clock)

    def _accept(self, record: RunContext) -> Step:
        return accept(record, self._millrace)
