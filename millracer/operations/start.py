"""Start a daemon that works the queue until it is stopped, and check that it works."""

from __future__ import annotations

from functools import partial

from millracer.cancellation import Cancellation, Wait
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.operations.requests import StartRequest
from millracer.domain.requests import RunRequest
from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import RunWarning
from millracer.operations import control as controlling
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.control import Found, answered, reported, require_workspace, step
from millracer.ports import Backend
from millracer.run.context import RunContext
from millracer.run.prepare.mode import settle_mode
from millracer.schemas.control import ControlResult

#: How long a daemon may take until it holds the workspace's lock.
BOOT_SECONDS = 60.0
_POLL_SECONDS = 0.2
_LEAVE_SECONDS = 30.0


def answer_start(_request: StartRequest, context: OperationContext) -> Answer[ControlResult]:
    """Start the daemon of the caller's workspace, in the mode of the caller's options."""
    place = context.find_workspace()
    merged = context.options.for_workspace(place.root_path, session_mode=place.mode)
    request = merged.request("", "start")

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        return start(request, millrace, cancellation)

    return answered(context, do)


def start(request: RunRequest, millrace: Backend, cancellation: Cancellation) -> ControlReport:
    """Start a daemon that runs until `stop`; the report lists errors.

    A running daemon that a command of Millracer started is kept from now on.

    Args:
        request: names the mode.
        millrace: the workspace's backend.
        cancellation: the caller's cancellation.
    """
    do = partial(_start, request, millrace, cancellation)
    return reported(ControlCommand.START, millrace, cancellation, do)


def _start(request: RunRequest, millrace: Backend, cancellation: Cancellation, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    record = RunContext(request=request, cancellation=cancellation)
    settle_mode(record, millrace)
    lease = millrace.supervisor.lease(wait.within(controlling.LOCK_SECONDS))
    keep = False
    try:
        with millrace.supervisor.control(wait.within(controlling.LOCK_SECONDS)) as control:
            before = control.running(wait)
            if before is None and record.mode is not None:
                control.start(record.mode, wait)
        keep = True
        running = _await_boot(millrace, wait)
    finally:
        lease.leave(wait.cleaning_up(_LEAVE_SECONDS), keep_daemon=keep)
    warnings = (*record.warnings, *lease.notices)
    return _report(millrace, before, running, warnings)


def _await_boot(millrace: Backend, wait: Wait) -> RunningDaemon | None:
    bound = wait.within(BOOT_SECONDS)
    running = millrace.supervisor.find()
    while running is not None and running.booting and not bound.expired:
        bound.sleep(_POLL_SECONDS)
        running = millrace.supervisor.find()
    return running


def _report(
    millrace: Backend,
    before: RunningDaemon | None,
    running: RunningDaemon | None,
    warnings: tuple[RunWarning, ...],
) -> Found:
    if running is None or running.booting:
        message = "the daemon was started, and does not hold the workspace yet"
        check = (step("check", millrace, "status"),)
        return Found(ControlOutcome.NOT_CONFIRMED, message, next_steps=check, warnings=warnings)
    steps = (step("watch", millrace, "watch", "--all"), step("stop", millrace, "stop"))
    is_foreign = not (running.owned or running.kept)
    if is_foreign:
        message = f"a foreign daemon (process {running.pid}) works already"
    elif before is not None:
        message = f"the daemon (process {running.pid}) works already, and is kept until `stop`"
    else:
        message = f"the daemon (process {running.pid}) works until `millracer stop`"
    outcome = ControlOutcome.DONE if before is None else ControlOutcome.ALREADY
    return Found(outcome, message, next_steps=steps, warnings=warnings)
