"""`millracer doctor`: checks whether a run would work here, with the code that a run uses.

Nothing is changed: a check that must write works on a temporary copy. If a check fails or runs out
of time, the others continue, except those that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from millracer.cancellation import Cancellation, Wait
from millracer.doctor import checks_machine, checks_workspace
from millracer.doctor.context import DoctorContext
from millracer.domain.doctor_report import Check, CheckLevel, CheckName, Finding
from millracer.errors import MillracerError

#: Time limit of one check; a loaded machine needs a third of it to start pi.
CHECK_SECONDS = 60.0

Examine = Callable[[DoctorContext, Wait], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A check, its prerequisites and its fix.

    Attributes:
        needs: checks that must have run without failure before this one.
        remedy: the next command if the check raises; None: the error's suggested action.
    """

    examine: Examine
    needs: tuple[CheckName, ...] = ()
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
    _NAME.MILLRACE: Examination(examine=checks_machine.millrace, remedy=_SETUP),
    _NAME.MILLRACE_START: Examination(
        examine=checks_machine.millrace_start, needs=(_NAME.MILLRACE,), remedy=_SETUP
    ),
    _NAME.PI: Examination(examine=checks_machine.pi, remedy=_SETUP),
    _NAME.NODE: Examination(examine=checks_machine.node, needs=(_NAME.PI,), remedy=_SETUP),
    _NAME.PI_START: Examination(examine=checks_machine.pi_start, needs=(_NAME.NODE,)),
    _NAME.PI_MODEL: Examination(examine=checks_machine.pi_model, needs=(_NAME.PI_START,)),
    _NAME.INITIALISED: Examination(
        examine=checks_workspace.initialised, needs=(_NAME.WORKSPACE, _NAME.MILLRACE_START)
    ),
    _NAME.MODE: Examination(
        examine=checks_workspace.mode,
        needs=(_NAME.PROC, _NAME.WORKSPACE, _NAME.CONFIGURATION, _NAME.MILLRACE_START),
    ),
    _NAME.DAEMON: Examination(examine=checks_workspace.daemon, needs=(_NAME.PROC, _NAME.WORKSPACE)),
    _NAME.STALE_STATE: Examination(
        examine=checks_workspace.stale_state, needs=(_NAME.PROC, _NAME.WORKSPACE, _NAME.MILLRACE)
    ),
    _NAME.BLOCKED_ITEMS: Examination(
        examine=checks_workspace.blocked_items, needs=(_NAME.WORKSPACE,)
    ),
    _NAME.STAGE_MODEL: Examination(
        examine=checks_workspace.stage_model, needs=(_NAME.MODE, _NAME.PI_START)
    ),
    _NAME.PI_TURN: Examination(examine=checks_machine.pi_turn, needs=(_NAME.PI_MODEL,)),
}


def examine(
    context: DoctorContext, cancellation: Cancellation, *, with_turn: bool = False
) -> Iterator[Check]:
    """Yield each check when it has finished.

    Args:
        context: the context of the checks; its copies exist while this runs.
        cancellation: stops the checks.
        with_turn: also let pi answer a prompt.

    Raises:
        Cancelled: the caller asked to stop.
    """
    stood_in_the_way: set[CheckName] = set()
    with ExitStack() as copies:
        context.begin(copies)
        for name, examination in EXAMINATIONS.items():
            if name is CheckName.PI_TURN and not with_turn:
                continue
            missing = [need for need in examination.needs if need in stood_in_the_way]
            finding = (
                _skipped(missing)
                if missing
                else _made(examination, context, Wait.for_seconds(CHECK_SECONDS, cancellation))
            )
            if finding.level in {CheckLevel.FAIL, CheckLevel.SKIPPED}:
                stood_in_the_way.add(name)
            yield Check(name=name, finding=finding)


def _made(examination: Examination, context: DoctorContext, wait: Wait) -> Finding:
    try:
        return examination.examine(context, wait)
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
