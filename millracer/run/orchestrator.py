"""Run a task: one method per lifecycle state performs its effects and returns a `Step`.

The table in `domain.run.lifecycle` decides which step follows: the orchestrator fires each
step's event and ending into it. A `MillracerError` becomes the event `failed` in exactly one place,
around the step. Any other exception is a bug and propagates after the watch and an owned daemon
were ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.domain.requests import Finalizer, Route, RoutePreference, RunRequest
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import (
    SUBMISSION_EDGES,
    Lifecycle,
    RunEvent,
    RunFacts,
    RunState,
    Step,
)
from millracer.domain.run.progress import ProgressKind
from millracer.domain.run.result import RunResult
from millracer.domain.unseen import unseen_warning
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import WorkItem
from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import DaemonDied, InvalidRequest, MillracerError, ToolFailed, ToolTimeout
from millracer.logs import log_item, run_logged
from millracer.ports import Agent, Backend, Clock, ProgressListener, TextListener
from millracer.run import prompts
from millracer.run.accept import accept
from millracer.run.context import RunContext
from millracer.run.enqueue import enqueue, write_document
from millracer.run.finalize import finalize
from millracer.run.lookup import find_item, item_named
from millracer.run.mode import reconcile_with_daemon, settle_mode
from millracer.run.new_workspace import announce
from millracer.run.notifier import TURN_SECONDS as NOTICE_SECONDS
from millracer.run.notifier import Notifier
from millracer.run.progress import Progress
from millracer.run.routing import choose_route
from millracer.run.stage_models import refuse_without_model, settle_stage_models
from millracer.run.watch import Watch, daemon_lost

_log = logging.getLogger(__name__)
#: Another Millracer process may start a daemon meanwhile.
_LOCK_SECONDS = 150.0
_LEASE_SECONDS = 10.0
_LEAVE_SECONDS = 17.0
_NOTICE_ENDS_SECONDS = 2.0


class Orchestrator:
    """Runs tasks in one workspace with one pi conversation.

    Args:
        unique: returns a fresh text for the identity of work that the caller did not name.
        tools: the programs, as results report them.
        listeners: called with every progress event as it happens, in the thread of the run.
        on_text: called with the text of a direct answer as pi writes it.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        millrace: Backend,
        pi: Agent,
        clock: Clock,
        unique: Callable[[], str],
        tools: ProgramsUsed = NO_PROGRAMS,
        listeners: Sequence[ProgressListener] = (),
        on_text: TextListener | None = None,
    ) -> None:
        self._millrace = millrace
        self._pi = pi
        self._clock = clock
        self._unique = unique
        self._used = tools
        self._listeners = tuple(listeners)
        self._on_text = on_text
        self._effects: dict[RunState, Callable[[RunContext], Step]] = {
            RunState.DECIDE: self._decide,
            RunState.DIRECT: self._direct,
            RunState.INTAKE: self._intake,
            RunState.ENQUEUE: self._enqueue,
            RunState.ACCEPT: self._accept,
            RunState.MONITOR: self._monitor,
            RunState.RESTART_NEEDED: self._restart_needed,
            RunState.FINALIZE: self._finalize,
        }

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        """Run one task to its end and return its result; the watch has ended by then.

        The pi conversation stays open for the next task; close the `Agent` after the last one.
        """
        with run_logged(request.request_id):
            return self._run(request, cancellation)

    def _run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        facts = RunFacts(max_restarts=request.limits.max_daemon_restarts)
        record = RunContext(request=request, cancellation=cancellation, facts=facts)
        try:
            self._walk(record, Lifecycle())
        finally:
            self._leave(record)
        if record.result is None:
            raise MillracerError("the run ended without a result")
        return replace(record.result, tools=self._used, timings=dict(record.timings))

    def submit(self, request: RunRequest, cancellation: Cancellation) -> RunContext:
        """Perform the steps of a run until the item is in Millrace, and return their record.

        Starts and stops no daemon. Errors and a cancellation are in the record.
        """
        record = RunContext(request=request, cancellation=cancellation)
        with run_logged(request.request_id):
            self._walk(record, Lifecycle(edges=SUBMISSION_EDGES))
        return record

    def _walk(self, record: RunContext, lifecycle: Lifecycle) -> None:
        """Perform one step after the other until the lifecycle is finished."""
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
        return Progress(record, self._millrace.workspace, self._clock, self._listeners)

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
        if request.route is not RoutePreference.DIRECT or record.item.named:
            self._millrace.warm_up()
        if record.item.named and self._millrace.is_initialised:
            self._millrace.check_supported(record.wait)
            found = find_item(record, self._millrace)
            if found is not None:
                return found
        if request.resume is not None:
            raise InvalidRequest(
                f"workspace {self._millrace.workspace} holds no work item {request.resume}",
                field="resume",
                suggested_action="see what there is with `millracer status`, or check --workspace",
            )
        record.decision = choose_route(record, self._pi)
        if record.decision.custom_loop_needed:
            record.warn(
                "custom_loop_needed",
                "pi believes that this task needs a custom Millrace loop; it is not built for you. "
                "Name a mode that has one with --millrace-mode",
            )
        if record.decision.route is Route.DIRECT:
            return Step(RunEvent.DIRECT_CHOSEN)
        return Step(RunEvent.DELEGATION_CHOSEN)

    # direct

    def _direct(self, record: RunContext) -> Step:
        request = record.request
        record.answer = self._pi.ask(
            prompts.direct_prompt(request.body),
            record.wait.within(request.limits.pi_timeout_seconds),
            self._on_text,
        )
        return Step(RunEvent.ANSWERED, Ending.ANSWERED, "pi did the task directly")

    # intake

    def _intake(self, record: RunContext) -> Step:
        self._millrace.check_supported(record.wait)
        self._begin_pi(record)
        is_new = not self._millrace.is_initialised
        if is_new:
            refuse_without_model(record, self._millrace, self._pi)
        self._millrace.initialise(record.wait)
        announce(record, self._millrace, is_new=is_new)
        settle_mode(record, self._millrace)
        if record.item_status is not None:
            return Step(RunEvent.WORKSPACE_READY)
        settle_stage_models(record, self._millrace, self._pi, initialised=is_new)
        write_document(record, self._millrace)
        return Step(RunEvent.DOCUMENT_WRITTEN)

    # enqueue

    def _enqueue(self, record: RunContext) -> Step:
        return enqueue(record, self._millrace)

    # accept

    def _accept(self, record: RunContext) -> Step:
        return accept(record, self._millrace)

    # monitor and restart_needed

    def _monitor(self, record: RunContext) -> Step:
        wait = record.watch_wait
        if wait is None:
            wait = record.wait.within(record.request.limits.daemon_timeout_seconds)
            record.watch_wait = wait
        progress = self._progress(record)
        try:
            if record.lease is None:
                record.lease = self._millrace.supervisor.lease(wait)
            notifier = self._begin_pi(record)
            without_daemon = self._ensure_daemon(record, wait)
            if without_daemon is not None:
                return without_daemon
            try:
                if notifier is not None:
                    notifier.start()
                return Watch(record, self._millrace, progress, notifier).follow(wait)
            finally:
                if notifier is not None:
                    rest = record.wait.cleaning_up(_NOTICE_ENDS_SECONDS)
                    record.pi_is_busy = not notifier.finish(rest)
                    progress.notices(notifier.drain())
        except ToolTimeout:
            if not wait.expired:
                raise
            reason = "the time limit ended while a daemon was joined or started"
            return Step(RunEvent.TIMED_OUT, Ending.TIMED_OUT, reason)

    def _begin_pi(self, record: RunContext) -> Notifier | None:
        """Start pi concurrently with the watch; the closing turn reports if it cannot start."""
        request = record.request
        if request.finalizer is not Finalizer.PI:
            return None
        try:
            self._pi.begin()
        except MillracerError:
            return None
        if not request.notify_terminal_stages:
            return None
        if record.notifier is None:
            limit = min(NOTICE_SECONDS, request.limits.pi_timeout_seconds)
            record.notifier = Notifier(self._pi, turn_seconds=limit)
        return record.notifier

    def _ensure_daemon(self, record: RunContext, wait: Wait) -> Step | None:
        """Join the running daemon, or start one; return the next step if neither worked.

        A daemon that dies while booting is lost like one that dies later. If a dead daemon cannot
        be started again, the run ends as with its death.
        """
        with self._millrace.supervisor.control(wait.within(_LOCK_SECONDS)) as control:
            running = control.running(record.wait)
            if running is not None:
                self._warn_of_unseen(record, running)
                reconcile_with_daemon(record, control, running)
                return None
            if record.mode is None:
                raise MillracerError("no mode was settled before the watch")
            try:
                control.start(record.mode, record.wait)
            except DaemonDied:
                return daemon_lost(active=False)
            except ToolFailed as error:
                if not record.restarts:
                    raise
                record.warn("restart_failed", error.message)
                return Step(RunEvent.WATCH_ENDED, record.ending, record.reason)
        return None

    def _warn_of_unseen(self, record: RunContext, running: RunningDaemon) -> None:
        """Warn at once that the daemon may be dead: the run may wait for it until its limit."""
        warning = unseen_warning(running)
        if warning is not None:
            record.warn(warning.code, warning.text)
            self._progress(record).report(ProgressKind.DAEMON_UNSEEN, warning.text)

    def _restart_needed(self, record: RunContext) -> Step:
        self._progress(record).report(ProgressKind.RESTART_NEEDED, record.reason)
        with self._millrace.supervisor.control(record.wait.within(_LOCK_SECONDS)) as control:
            if control.running(record.wait) is None:
                control.repair(record.wait)
        return Step(RunEvent.DAEMON_REPAIRED)

    # finalize

    def _finalize(self, record: RunContext) -> Step:
        return finalize(record, self._millrace, self._pi, self._clock, leave=self._leave)

    def _leave(self, record: RunContext) -> None:
        """End the watch and stop an owned daemon, after success as after an error.

        Without a watch, an owned daemon that a killed command left is stopped as well.
        """
        lease, record.lease = record.lease, None
        wait = record.wait.cleaning_up(_LEAVE_SECONDS)
        if lease is None and self._millrace.supervisor.owns_daemon:
            with suppress(MillracerError, Cancelled):
                lease = self._millrace.supervisor.lease(wait.within(_LEASE_SECONDS))
        if lease is None:
            return
        left_running = lease.leave(wait, keep_daemon=record.request.keep_daemon)
        for notice in lease.notices:
            record.warn(notice.code, notice.text)
        if left_running and record.request.keep_daemon:
            where = self._millrace.workspace
            stop = self._millrace.commands.millracer("stop")
            record.warn(
                "daemon_kept",
                f"Millrace's daemon is left running in {where}; stop it with `{stop}`",
            )
