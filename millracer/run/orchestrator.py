"""Run a task: one method per lifecycle state performs its effects and returns a `Step`.

`run.steps` has the steps until Millrace holds the item; this module adds the others. The table in
`domain.run.lifecycle` decides which step follows: `Steps` fires each step's event and ending into
it. A `MillracerError` becomes the event `failed` in exactly one place,
around the step. Any other exception is a bug and propagates after the watch and an owned daemon
were ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.event_log import EventType
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.domain.requests import Decision, Finalizer, RunRequest
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import (
    RunEvent,
    RunFacts,
    RunState,
    Step,
)
from millracer.domain.run.result import RunResult
from millracer.domain.trace_context import NOT_TRACED, RunTrace
from millracer.domain.unseen import unseen_warning
from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import DaemonDied, MillracerError, ToolFailed, ToolTimeout
from millracer.logs import run_logged
from millracer.ports import (
    Agent,
    AttemptEndListener,
    Backend,
    CheckRunner,
    Clock,
    DaemonControl,
    EventLogs,
    ProgressListener,
    Repository,
    TextListener,
)
from millracer.ports.event_log import LogListener
from millracer.run import prompts
from millracer.run.attempt_end import report_end
from millracer.run.budget import budget_check
from millracer.run.context import RunContext
from millracer.run.event_log.log import RenderResult, RunEvents
from millracer.run.event_log.observing import ObservingLease
from millracer.run.finalize import finalize
from millracer.run.notifier import TURN_SECONDS as NOTICE_SECONDS
from millracer.run.notifier import Notifier
from millracer.run.prepare.mode import reconcile_with_daemon
from millracer.run.routing import choose_route
from millracer.run.steps import Steps
from millracer.run.watch import Watch, daemon_lost

_log = logging.getLogger(__name__)
#: Another Millracer process may start a daemon meanwhile.
_LOCK_SECONDS = 150.0
#: After this time without the lock, the wait for it is reported.
_LOCK_REPORT_SECONDS = 2.0
_LEASE_SECONDS = 10.0
_LEAVE_SECONDS = 17.0
_NOTICE_ENDS_SECONDS = 2.0


class Orchestrator(Steps):
    """Runs tasks in one workspace with one pi conversation.

    Args:
        pi: the conversation.
        unique: returns a fresh text for the identity of work that the caller did not name.
        repository: measures the changes of the workspace; None: they are not known.
        check_runner: runs the demanded checks; None: they have no result.
        tools: the programs, as results report them.
        on_text: called with the text of a direct answer as pi writes it.
        logs: the event logs of the workspace; needs `render`.
        render: returns the document of a result, which its attempt stores.
        on_log: called as the log of the run's item is opened.
        end_listeners: report the end of an attempt; need `render`.
        trace: the span of the attempt and its parent.
    """

    def __init__(  # noqa: PLR0913 - the ports
        self,
        *,
        millrace: Backend,
        pi: Agent,
        clock: Clock,
        unique: Callable[[], str],
        repository: Repository | None = None,
        check_runner: CheckRunner | None = None,
        tools: ProgramsUsed = NO_PROGRAMS,
        listeners: Sequence[ProgressListener] = (),
        on_text: TextListener | None = None,
        logs: EventLogs | None = None,
        render: RenderResult | None = None,
        on_log: LogListener | None = None,
        end_listeners: Sequence[AttemptEndListener] = (),
        trace: RunTrace = NOT_TRACED,
    ) -> None:
        super().__init__(
            millrace=millrace,
            models=pi,
            clock=clock,
            unique=unique,
            repository=repository,
            listeners=listeners,
            logs=logs,
        )
        self._check_runner = check_runner
        self._render = render
        self._end_listeners = tuple(end_listeners)
        self._trace = trace
        self._on_log = on_log
        self._pi = pi
        self._used = tools
        self._on_text = on_text
        self._effects = {
            **self._effects,
            RunState.DIRECT: self._direct,
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
        record = RunContext(
            request=request,
            cancellation=cancellation,
            facts=facts,
            agent_before=self._pi.usage,
            trace=self._trace,
        )
        self._events = events = self._event_log_of(record)
        with ExitStack() as log:
            if events is not None:
                log.callback(events.close)
            try:
                self._walk(record)
            finally:
                self._leave(record)
            if record.result is None:
                raise MillracerError("the run ended without a result")
            result = replace(record.result, tools=self._used, timings=dict(record.timings))
            result = result if events is None else events.end(result)
        return self._report_end(record, result)

    def _report_end(self, record: RunContext, result: RunResult) -> RunResult:
        if self._render is None:
            return result
        return report_end(
            record,
            result,
            events=self._events,
            listeners=self._end_listeners,
            render=self._render,
            clock=self._clock,
            unique=self._unique,
        )

    def _event_log_of(self, record: RunContext) -> RunEvents | None:
        if self._logs is None or self._render is None:
            return None
        return RunEvents(
            logs=self._logs,
            millrace=self._millrace,
            clock=self._clock,
            render=self._render,
            record=record,
            opened=self._on_log,
        )

    # decide

    def _choose_route(self, record: RunContext) -> Decision:
        return choose_route(record, self._pi)

    # direct

    def _direct(self, record: RunContext) -> Step:
        request = record.request
        self._measure_start(record, keep=False)()
        record.answer = self._pi.ask(
            prompts.direct_prompt(request.body),
            record.wait.within(request.limits.pi_timeout_seconds),
            self._on_text,
        )
        return Step(RunEvent.ANSWERED, Ending.ANSWERED, "pi did the task directly")

    # monitor and restart_needed

    def _monitor(self, record: RunContext) -> Step:
        wait = record.watch_wait
        if wait is None:
            wait = record.wait.within(record.request.limits.daemon_timeout_seconds)
            record.watch_wait = wait
        progress = self._progress(record)
        check_budget = budget_check(record, self._millrace, self._pi)
        exhausted = check_budget(wait)
        if exhausted is not None:
            return exhausted
        if record.request.observe:
            return self._observe(record, wait)
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
                return Watch(record, self._millrace, progress, notifier, check_budget).follow(wait)
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

    def _observe(self, record: RunContext, wait: Wait) -> Step:
        """Watch without a lease, until the item ends or the time limit is over."""
        with closing(self._millrace.supervisor.observe()) as observer:
            record.lease = ObservingLease(observer)
            try:
                return Watch(record, self._millrace, self._progress(record)).follow(wait)
            finally:
                record.lease = None

    def _begin_agent(self, record: RunContext) -> None:
        self._begin_pi(record)

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
        with self._locked(record, wait) as control:
            running = control.running(record.wait)
            if running is not None:
                self._warn_of_unseen(record, running)
                if running.booting:
                    self._report_waiting(record, "waiting: the daemon boots")
                reconcile_with_daemon(record, control, running)
                self._progress(record).daemon_joined(running, how="joined")
                return None
            if record.mode is None:
                raise MillracerError("no mode was settled before the watch")
            self._report_waiting(record, "waiting: a daemon starts and boots")
            try:
                started = control.start(record.mode, record.wait)
            except DaemonDied:
                return daemon_lost(active=False)
            except ToolFailed as error:
                if not record.restarts:
                    raise
                record.warn("restart_failed", error.message)
                return Step(RunEvent.WATCH_ENDED, record.ending, record.reason)
            self._progress(record).daemon_joined(started, how="started")
        return None

    @contextmanager
    def _locked(self, record: RunContext, wait: Wait) -> Iterator[DaemonControl]:
        """Hold the lifecycle lock; report if another command holds it for long."""
        supervisor = self._millrace.supervisor
        with ExitStack() as held:
            try:
                control = held.enter_context(supervisor.control(wait.within(_LOCK_REPORT_SECONDS)))
            except ToolTimeout:
                if wait.expired:
                    raise
                text = "waiting: another command of Millracer starts, checks or stops the daemon"
                self._report_waiting(record, text)
                control = held.enter_context(supervisor.control(wait.within(_LOCK_SECONDS)))
            yield control

    def _report_waiting(self, record: RunContext, text: str) -> None:
        self._progress(record).report(EventType.RUNTIME_WAITING, text)

    def _warn_of_unseen(self, record: RunContext, running: RunningDaemon) -> None:
        """Warn at once that the daemon may be dead: the run may wait for it until its limit."""
        warning = unseen_warning(running)
        if warning is not None:
            record.warn(warning.code, warning.text)
            self._progress(record).report(EventType.RUNTIME_UNSEEN, warning.text)

    def _restart_needed(self, record: RunContext) -> Step:
        self._progress(record).report(EventType.RUNTIME_LOST, record.reason)
        with self._locked(record, record.wait) as control:
            if control.running(record.wait) is None:
                control.repair(record.wait)
        return Step(RunEvent.DAEMON_REPAIRED)

    # finalize

    def _finalize(self, record: RunContext) -> Step:
        return finalize(
            record,
            self._millrace,
            self._pi,
            self._clock,
            repository=self._repository,
            check_runner=self._check_runner,
            progress=self._progress(record),
            leave=self._leave,
        )

    def _leave(self, record: RunContext) -> None:
        """End the watch and stop an owned daemon, after success as after an error.

        Without a watch, an owned daemon that a killed command left is stopped as well.
        """
        if record.request.observe:
            return
        lease, record.lease = record.lease, None
        wait = record.wait.cleaning_up(_LEAVE_SECONDS)
        if lease is None and self._millrace.supervisor.owns_daemon:
            with suppress(MillracerError, Cancelled):
                lease = self._millrace.supervisor.lease(wait.within(_LEASE_SECONDS))
        if lease is None:
            return
        is_exhausted = record.ending is Ending.BUDGET_EXHAUSTED
        keep = record.request.keep_daemon and not is_exhausted
        left_running = lease.leave(wait, keep_daemon=keep)
        for notice in lease.notices:
            record.warn(notice.code, notice.text)
        if is_exhausted and (left_running or self._millrace.supervisor.find() is not None):
            pause = self._millrace.commands.millracer("pause")
            record.warn(
                "budget_not_enforced",
                "a daemon that this command may not stop continues the work; "
                f"`{pause}` lets it start no further stage",
            )
        if left_running and keep:
            where = self._millrace.workspace
            stop = self._millrace.commands.millracer("stop")
            record.warn(
                "daemon_kept",
                f"Millrace's daemon is left running in {where}; stop it with `{stop}`",
            )
