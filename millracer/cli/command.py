"""Results of commands that never got as far as their work: wrong use, and signals while loading."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from millracer import __version__
from millracer.cancellation import CancelReason
from millracer.cli.raw_arguments import RawArguments
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import OutputFormat, print_document, print_text
from millracer.domain.result import cancelled_result, exit_code_of, failed_result
from millracer.errors import ExitCode, MillracerError, UsageError
from millracer.operations.reply import Reply, cancelled, failed, without_request
from millracer.schemas.ops_result import render_ops_line, render_ops_result
from millracer.wiring import new_request_id

_OPS_COMMANDS = frozenset({"ops", "workspaces", "sessions"})
_DEMO_COMMAND = "demo"  #: prints JSON where nothing else is asked for
_OPS_FLAGS = ("--json", "--stream-json")
_LINES_FLAG = "--jsonl"


class _Wanted(Enum):
    """What standard output is to carry."""

    NOTHING = auto()
    RUN_RESULT = auto()
    OPS_RESULT = auto()
    OPS_LINES = auto()
    CONFIG_RESULT = auto()
    STATUS_RESULT = auto()
    SUBMIT_RESULT = auto()
    CONTROL_RESULT = auto()
    DOCTOR_RESULT = auto()


#: Commands that print a document of their own with `--json`.
_OWN_RESULTS = {
    "config": _Wanted.CONFIG_RESULT,
    "doctor": _Wanted.DOCTOR_RESULT,
    "status": _Wanted.STATUS_RESULT,
    "submit": _Wanted.SUBMIT_RESULT,
    **dict.fromkeys(("cancel", "pause", "resume", "stop"), _Wanted.CONTROL_RESULT),
}


def report_cancelled(arguments: Sequence[str], reason: CancelReason) -> int:
    """Say that a signal came before there was any work, and return the exit code."""
    result = cancelled_result(new_request_id(), _here(), __version__, reason)
    match _wanted(arguments):
        case _Wanted.OPS_RESULT:
            _print_ops(cancelled(reason))
        case _Wanted.RUN_RESULT:
            print_document(result, OutputFormat.JSON)
        case wanted:
            _print_own(wanted, arguments, was_cancelled(reason))
    return exit_code_of(result)


def report_help(usage: str) -> int:
    """Show how a command is used that was called with nothing, and return the exit code."""
    say(usage)
    return ExitCode.USAGE


def report_wrong_use(arguments: Sequence[str], message: str, suggested_action: str) -> int:
    """Say what the command line library found wrong, and return the exit code."""
    return report_refused(arguments, UsageError(message, suggested_action=suggested_action))


def report_refused(arguments: Sequence[str], error: MillracerError) -> int:
    """Say why a command was not begun, its command line or a file being wrong; exit code 2."""
    action = f"\n  next: {error.suggested_action}" if error.suggested_action else ""
    say(f"error: {error.message}{action}")
    print_refusal(arguments, error)
    return ExitCode.USAGE


def print_refusal(arguments: Sequence[str], error: MillracerError) -> None:
    """Print the document of a command that got no further, where its caller reads documents."""
    match _wanted(arguments):
        case _Wanted.OPS_RESULT:
            _print_ops(failed(error))
        case _Wanted.OPS_LINES:
            print_text(render_ops_line(without_request(failed(error), datetime.now(UTC))))
        case _Wanted.RUN_RESULT:
            result = failed_result(new_request_id(), _here(), __version__, error)
            print_document(result, OutputFormat.JSON)
        case wanted:
            _print_own(wanted, arguments, error)


def _print_ops(reply: Reply) -> None:
    print_text(render_ops_result(without_request(reply, datetime.now(UTC))))


def was_cancelled(reason: CancelReason) -> MillracerError:
    """Return what is told in the document of a command that a signal ended."""
    return MillracerError(
        f"cancelled ({reason})", code="cancelled", suggested_action="run the same command again"
    )


def _print_own(wanted: _Wanted, arguments: Sequence[str], error: MillracerError) -> None:
    """Print the document of a command that has one of its own; what renders it is loaded here."""
    match wanted:
        case _Wanted.CONFIG_RESULT:
            from millracer.schemas import config  # noqa: PLC0415 - see above

            print_text(config.render_config_result(config.config_refused(error)))
        case _Wanted.STATUS_RESULT:
            from millracer.schemas import status  # noqa: PLC0415 - of one command

            print_text(status.render_status(status.status_refused(error)))
        case _Wanted.SUBMIT_RESULT:
            from millracer.schemas import submit  # noqa: PLC0415 - of one command

            print_text(submit.render_submit_result(submit.submit_refused(error)))
        case _Wanted.CONTROL_RESULT:
            from millracer.schemas import control  # noqa: PLC0415 - of one command

            command = RawArguments(arguments, os.environ).command or ""
            refused = control.control_refused(command, error)
            print_text(control.render_control_result(refused))
        case _Wanted.DOCTOR_RESULT:
            from millracer.schemas import doctor  # noqa: PLC0415 - of one command

            refused_doctor = doctor.doctor_refused(error, __version__)
            print_text(doctor.render_doctor_result(refused_doctor))
        case _:
            pass


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _wanted(arguments: Sequence[str]) -> _Wanted:
    """What the caller asked for, read from a command line that did not parse."""
    words = RawArguments(arguments, os.environ)
    if words.command in _OPS_COMMANDS:
        if words.has(_LINES_FLAG):
            return _Wanted.OPS_LINES
        return _Wanted.OPS_RESULT if words.has(*_OPS_FLAGS) else _Wanted.NOTHING
    own = _OWN_RESULTS.get(words.command or "")
    if own is not None and words.has("--json"):
        return own
    by_default = OutputFormat.JSON if words.command == _DEMO_COMMAND else OutputFormat.TEXT
    if (words.value("--output") or by_default) != OutputFormat.JSON:
        return _Wanted.NOTHING
    if own is None:
        return _Wanted.RUN_RESULT
    return own if own is _Wanted.SUBMIT_RESULT else _Wanted.NOTHING
