"""`millracer doctor`: checks whether a run would work here, with the code that a run uses.

Nothing is changed: a check that must write works on a temporary copy. If a check fails or runs out
of time, the others continue, except those that need it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from millracer.cancellation import Cancellation, Wait
from millracer.doctor import checks_machine, checks_workspace
from millracer.doctor.context import DoctorContext
from millracer.domain.doctor_report import Check, CheckLevel, CheckName, Finding
from millracer.errors import MillracerError

_log = logging.getLogger(__name__)
#: Time limit of one check; a loaded machine needs a third of it to start pi.
CHECK_SECONDS = 60.0

Examine = Callable[[DoctorContext, Wait], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A check, its prerequisites and its fix.

    Attributes:
        needs: checks that must have run without failure before this one.
        after: checks that must have ended before this one, because it uses what they found.
        starts_program: whether it waits for a program, so that other checks run meanwhile.
        remedy: the next command if the check raises; None: the error's suggested action.
    """

    examine: Examine
    needs: tuple[CheckName, ...] = ()
    after: tuple[CheckName, ...] = ()
    starts_program: bool = False
    remedy: str | None = field(default=None)


_SETUP: Final = "millracer setup"
_NAME: Final = CheckName

EXAMINATIONS: Final[dict[CheckName, Examination]] = {
    _NAME.PYTHON: Examination(examine=checks_machine.python),
    _NAME.PROC: Examination(examine=checks_machine.proc),
    _NAME.SQLITE: Examination(examine=checks_machine.sqlite),
    _NAME.STATE_FOLDER: Examination(examine=checks_machine.state_folder),
    _NAME.SESSION_STORE: Examination(
        examine=checks_machine.session_store, needs=(_NAME.SQLITE, _NAME.STATE_FOLDER)
    ),
    _NAME.WORKSPACE: Examination(examine=checks_workspace.workspace),
    _NAME.CONFIGURATION: Examination(examine=checks_machine.configuration),
    _NAME.MILLRACE: Examination(
        examine=checks_machine.millrace,
        after=(_NAME.WORKSPACE, _NAME.CONFIGURATION),
        remedy=_SETUP,
    ),
    _NAME.MILLRACE_START: Examination(
        examine=checks_machine.millrace_start,
        needs=(_NAME.MILLRACE,),
        starts_program=True,
        remedy=_SETUP,
    ),
    _NAME.PI: Examination(
        examine=checks_machine.pi, after=(_NAME.WORKSPACE, _NAME.CONFIGURATION), remedy=_SETUP
    ),
    _NAME.NODE: Examination(
        examine=checks_machine.node, needs=(_NAME.PI,), starts_program=True, remedy=_SETUP
    ),
    _NAME.PI_START: Examination(
        examine=checks_machine.pi_start, needs=(_NAME.NODE,), starts_program=True
    ),
    _NAME.PI_MODEL: Examination(examine=checks_machine.pi_model, needs=(_NAME.PI_START,)),
    _NAME.INITIALISED: Examination(
        examine=checks_workspace.initialised,
        needs=(_NAME.WORKSPACE, _NAME.MILLRACE_START),
        starts_program=True,
    ),
    _NAME.MODE: Examination(
        examine=checks_workspace.mode,
        needs=(_NAME.PROC, _NAME.WORKSPACE, _NAME.CONFIGURATION, _NAME.MILLRACE_START),
        starts_program=True,
    ),
    _NAME.DAEMON: Examination(
        examine=checks_workspace.daemon,
        needs=(_NAME.PROC, _NAME.WORKSPACE),
        after=(_NAME.INITIALISED, _NAME.MODE),
    ),
    _NAME.STALE_STATE: Examination(
        examine=checks_workspace.stale_state,
        needs=(_NAME.PROC, _NAME.WORKSPACE, _NAME.MILLRACE),
        after=(_NAME.INITIALISED,),
        starts_program=True,
    ),
    _NAME.BLOCKED_ITEMS: Examination(
        examine=checks_workspace.blocked_items, needs=(_NAME.WORKSPACE,), after=(_NAME.MILLRACE,)
    ),
    _NAME.STAGE_MODEL: Examination(
        examine=checks_workspace.stage_model,
        needs=(_NAME.MODE, _NAME.PI_START),
        starts_program=True,
    ),
    _NAME.PI_TURN: Examination(
        examine=checks_machine.pi_turn, needs=(_NAME.PI_MODEL,), starts_program=True
    ),
}
#: How many checks wait for a program at the same time: pi's and Millrace's.
_MOST_AT_ONCE = 3

#: Called with the checks that run whenever they change.
RunningListener = Callable[[tuple[CheckName, ...]], None]


def _ignore(_running: tuple[CheckName, ...]) -> None:
    """Report nothing."""


def examine(
    context: DoctorContext,
    cancellation: Cancellation,
    *,
    with_turn: bool = False,
    on_running: RunningListener = _ignore,
) -> Iterator[Check]:
    """Yield each check, in the order of `CheckName`, once it and those before it have ended.

    Checks that wait for a program run in threads, concurrently with others that do not need them.

    Args:
        context: the context of the checks; its copies exist while this runs.
        cancellation: stops the checks.
        with_turn: also let pi answer a prompt.
        on_running: is called in the caller's thread.

    Raises:
        Cancelled: the caller asked to stop.
    """
    names = [name for name in EXAMINATIONS if with_turn or name is not CheckName.PI_TURN]
    with (
        ExitStack() as copies,
        ThreadPoolExecutor(max_workers=_MOST_AT_ONCE, thread_name_prefix="check") as pool,
    ):
        context.begin(copies)
        schedule = _Schedule(context, cancellation, pool, names)
        while names:
            schedule.start_ready()
            while names and names[0] in schedule.findings:
                name = names.pop(0)
                yield Check(name=name, finding=schedule.findings[name])
            if names:
                on_running(tuple(schedule.running))
                schedule.await_one()
        on_running(())


class _Schedule:
    """Starts each check once the checks that it needs or follows have ended."""

    def __init__(
        self,
        context: DoctorContext,
        cancellation: Cancellation,
        pool: ThreadPoolExecutor,
        names: list[CheckName],
    ) -> None:
        self._context = context
        self._cancellation = cancellation
        self._pool = pool
        self._waiting = list(names)
        self.findings: dict[CheckName, Finding] = {}
        self.running: dict[CheckName, Future[Finding]] = {}

    def start_ready(self) -> None:
        """Run every check that is ready: here, or in a thread if it starts a program."""
        while ready := [name for name in self._waiting if self._is_ready(name)]:
            for name in sorted(ready, key=lambda name: not EXAMINATIONS[name].starts_program):
                self._waiting.remove(name)
                self._start(name)

    def await_one(self) -> None:
        """Wait until a check that runs in a thread has ended, and keep its finding."""
        wait(self.running.values(), return_when=FIRST_COMPLETED)
        for name in [name for name, future in self.running.items() if future.done()]:
            self.findings[name] = self.running.pop(name).result()

    def _is_ready(self, name: CheckName) -> bool:
        examination = EXAMINATIONS[name]
        return all(each in self.findings for each in (*examination.needs, *examination.after))

    def _start(self, name: CheckName) -> None:
        examination = EXAMINATIONS[name]
        missing = [
            need
            for need in examination.needs
            if self.findings[need].level in {CheckLevel.FAIL, CheckLevel.SKIPPED}
        ]
        if missing:
            self.findings[name] = _skipped(missing)
            return
        limit = Wait.for_seconds(CHECK_SECONDS, self._cancellation)
        if examination.starts_program:
            self.running[name] = self._pool.submit(_made, name, self._context, limit)
        else:
            self.findings[name] = _made(name, self._context, limit)


def _made(name: CheckName, context: DoctorContext, limit: Wait) -> Finding:
    started = time.monotonic()
    finding = _found(EXAMINATIONS[name], context, limit)
    _log.info("check %s took %.3f s", name, time.monotonic() - started)
    return finding


def _found(examination: Examination, context: DoctorContext, limit: Wait) -> Finding:
    try:
        return examination.examine(context, limit)
    except MillracerError as error:
        detail = getattr(error, "detail", "") or None
        return Finding(
            level=CheckLevel.FAIL,
            message=error.message,
            next_command=examination.remedy or error.suggested_action,
            detail=detail,
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Finding(
            level=CheckLevel.FAIL,
            message=f"{where}{error.strerror or error}",
            next_command=examination.remedy or "make it readable, and run the same command again",
        )


def _skipped(missing: list[CheckName]) -> Finding:
    names = " and ".join(name.replace("_", " ") for name in missing)
    return Finding(level=CheckLevel.SKIPPED, message=f"not checked: it needs {names}")
