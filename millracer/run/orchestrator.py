"""A run, step by step: one method per lifecycle state performs its effects and says how it ended.

Nothing is decided here about what follows: the event a step returns is fired into
`millracer.domain.lifecycle`, whose table decides. Errors of ours become the event `failed` in
exactly one place, around the step; anything else is a bug and propagates after everything of ours
was ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.identity import work_item_for
from millracer.domain.items import WorkItem
from millracer.domain.lifecycle import Lifecycle, RunEvent, RunState
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.domain.progress import ProgressKind
from millracer.domain.requests import Finalizer, Route, RoutePreference, RunRequest
from millracer.domain.result import Ending, RunResult, millracer_command
from millracer.domain.runtime import RunningDaemon
from millracer.domain.unseen import unseen_warning
from millracer.errors import DaemonDied, InvalidRequest, MillracerError, ToolFailed, ToolTimeout
from millracer.logs import log_item, run_logged
from millracer.ports import Clock, Millrace, Pi, ProgressListener, TextListener
from millracer.run import prompts
from millracer.run.context import RunContext
from millracer.run.enqueue import LOCK_SECONDS, LOOK_AGAIN_SECONDS, enqueue, write_document
from millracer.run.finalize import finalize
from millracer.run.lookup import find_item, item_named
from millracer.run.mode import reconcile_with_daemon, settle_mode
from millracer.run.notifier import TURN_SECONDS as NOTICE_SECONDS
from millracer.run.notifier import Notifier
from millracer.run.progress import Progress
from millracer.run.routing import choose_route
from millracer.run.watch import Watch

_log = logging.getLogger(__name__)
_LEAVE_SECONDS = 17.0
_NOTICE_ENDS_SECONDS = 2.0


class Orchestrator:
    """Runs tasks in one workspace with one pi conversation.

    Args:
        unique: returns a fresh text for the identity of work that the caller did not name.
        tools: what results tell of the programs.
        listeners: told every progress event as it happens, from the running thread.
        on_text: told pi's words of a direct answer as they come.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        millrace: Millrace,
        pi: Pi,
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
        self._effects: dict[RunState, Callable[[RunContext], RunEvent]] = {
            RunState.DECIDE: self._decide,
            RunState.DIRECT: self._direct,
            RunState.INTAKE: self._intake,
            RunState.ENQUEUE: self._enqueue,
            RunState.MONITOR: self._monitor,
            RunState.RESTART_NEEDED: self._restart_needed,
            RunState.FINALIZE: self._finalize,
        }

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        """Take one task to its end and return its result; everything of ours has ended by then.

        The pi conversation stays open for the next task; close the `Pi` after the last one.
        """
        with run_logged(request.request_id):
            return self._run(request, cancellation)

    def _run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        record = RunContext(request=request, cancellation=cancellation)
        lifecycle = Lifecycle()
        try:
            while not lifecycle.finished:
                record.state = lifecycle.state
                self._progress(record).state_entered()
                started = self._clock.monotonic()
                event = self._perform(record)
                spent = self._clock.monotonic() - started
                record.timings[record.state] = record.timings.get(record.state, 0.0) + spent
                left = lifecycle.state
                entered = lifecycle.fire(event, record.facts)
                _log.info("%s took %.2f s: %s, then %s", left, spent, event, entered)
                if left is RunState.RESTART_NEEDED and entered is RunState.MONITOR:
                    record.restarts += 1
        finally:
            self._leave(record)
        if record.result is None:
            raise MillracerError("the run ended without a result")
        return replace(record.result, tools=self._used, timings=dict(record.timings))

    def _perform(self, record: RunContext) -> RunEvent:
        try:
            return self._effects[record.state](record)
        except Cancelled as cancelled:
            record.cancel_reason = cancelled.reason
            record.end(Ending.CANCELLED, f"cancelled by the caller ({cancelled.reason})")
            return RunEvent.CANCELLED
        except ToolTimeout as error:
            record.fail(error)
            if error.tool != "pi":
                return RunEvent.FAILED
            record.end(Ending.TIMED_OUT, error.message)
            return RunEvent.TIMED_OUT
        except MillracerError as error:
            record.fail(error)
            return RunEvent.FAILED

    def _progress(self, record: RunContext) -> Progress:
        return Progress(record, self._millrace.workspace, self._clock, self._listeners)

    # decide

    def _decide(self, record: RunContext) -> RunEvent:
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
            return RunEvent.DIRECT_CHOSEN
        return RunEvent.DELEGATION_CHOSEN

    # direct

    def _direct(self, record: RunContext) -> RunEvent:
        request = record.request
        record.answer = self._pi.ask(
            prompts.direct_prompt(request.body),
            record.wait.within(request.limits.pi_timeout_seconds),
            self._on_text,
        )
        record.end(Ending.ANSWERED, "pi did the task directly")
        return RunEvent.ANSWERED

    # intake

    def _intake(self, record: RunContext) -> RunEvent:
        self._millrace.check_supported(record.wait)
        self._begin_pi(record)
        self._millrace.initialise(record.wait)
        settle_mode(record, self._millrace)
        if record.item_status is not None:
            return RunEvent.WORKSPACE_READY
        write_document(record, self._millrace, self._clock)
        return RunEvent.DOCUMENT_WRITTEN

    # enqueue

    def _enqueue(self, record: RunContext) -> RunEvent:
        return enqueue(record, self._millrace, self._clock) or RunEvent.ITEM_ENQUEUED

    # monitor and restart_needed

    def _monitor(self, record: RunContext) -> RunEvent:
        wait = record.watch_wait
        if wait is None:
            wait = record.wait.within(record.request.limits.daemon_timeout_seconds)
            record.watch_wait = wait
        progress = self._progress(record)
        try:
            if record.lease is None:
                record.lease = self._millrace.lease(wait)
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
            record.end(
                Ending.TIMED_OUT, "the time limit ended while a daemon was joined or started"
            )
            return RunEvent.WATCH_ENDED

    def _begin_pi(self, record: RunContext) -> Notifier | None:
        """Let pi start beside the watch; where it cannot, the closing turn will say so."""
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

    def _ensure_daemon(self, record: RunContext, wait: Wait) -> RunEvent | None:
        """Join the daemon that runs, or start one; return what follows where neither worked.

        One that dies while it boots is lost like one that dies later. One that cannot be started
        again after it died ends the run as its death would have.
        """
        with self._millrace.control(wait.within(LOCK_SECONDS)) as control:
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
                record.lost_while_active = False
                return RunEvent.DAEMON_LOST
            except ToolFailed as error:
                if not record.restarts:
                    raise
                record.warn("restart_failed", error.message)
                return RunEvent.WATCH_ENDED
        return None

    def _warn_of_unseen(self, record: RunContext, running: RunningDaemon) -> None:
        """Say at once that a daemon may be dead: joining it, the run may wait until its limit."""
        warning = unseen_warning(running)
        if warning is not None:
            record.warn(warning.code, warning.text)
            self._progress(record).tell(ProgressKind.DAEMON_UNSEEN, warning.text)

    def _restart_needed(self, record: RunContext) -> RunEvent:
        active = record.lost_while_active
        where = "active" if active else "queued"
        reason = f"Millrace's daemon ended while the work item was {where}"
        self._progress(record).tell(ProgressKind.RESTART_NEEDED, reason)
        record.end(Ending.CRASHED if active else Ending.RESTART_NEEDED, reason)
        with self._millrace.control(record.wait.within(LOCK_SECONDS)) as control:
            if control.running(record.wait) is None:
                control.repair(record.wait)
        return RunEvent.DAEMON_REPAIRED

    # finalize

    def _finalize(self, record: RunContext) -> RunEvent:
        finalize(record, self._millrace, self._pi, self._clock, leave=self._leave)
        return RunEvent.RESULT_READY

    def _leave(self, record: RunContext) -> None:
        """Give up the watch and stop a daemon of ours, whatever brought us here.

        Without a watch, one that a killed command left behind is looked after all the same.
        """
        lease, record.lease = record.lease, None
        wait = record.wait.cleaning_up(_LEAVE_SECONDS)
        if lease is None and self._millrace.owns_daemon:
            with suppress(MillracerError, Cancelled):
                lease = self._millrace.lease(wait.within(LOOK_AGAIN_SECONDS))
        if lease is None:
            return
        left_running = lease.leave(wait, keep_daemon=record.request.keep_daemon)
        for notice in lease.notices:
            record.warn(notice.code, notice.text)
        if left_running and record.request.keep_daemon:
            where = self._millrace.workspace
            stop = millracer_command("stop", workspace=where, option=self._millrace.option)
            record.warn(
                "daemon_kept",
                f"Millrace's daemon is left running in {where}; stop it with `{stop}`",
            )
