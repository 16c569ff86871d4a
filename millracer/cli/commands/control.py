"""`millracer cancel`, `pause`, `resume` and `stop`: asked of Millrace, and seen to be done."""

from __future__ import annotations

from collections.abc import Callable

from millracer.cancellation import Cancellation
from millracer.cli.command import was_cancelled
from millracer.cli.internal_errors import record_bug
from millracer.cli.option_groups import CommonOptions
from millracer.cli.preload import load_endings
from millracer.cli.signals import signals_cancel, signals_ignored
from millracer.cli.terminal.stderr import printable, say, say_error
from millracer.cli.terminal.stdout import print_text
from millracer.cli.workspace import find_place
from millracer.domain.control import ControlCommand, ControlReport
from millracer.domain.result import ErrorRecord, exit_code_of_error
from millracer.errors import MillracerError, RunWarning, UsageError
from millracer.operations import cancel as cancelling
from millracer.operations import control
from millracer.operations.session_memory import SessionMemory
from millracer.ports import Backend
from millracer.schemas.control import control_refused, describe_control, render_control_result
from millracer.wiring import open_store

_Do = Callable[[Backend, Cancellation], ControlReport]


def cancel(common: CommonOptions, item: str, *, reason: str | None, as_json: bool) -> int:
    """Take an item out of the queue, say what is then, and return the exit code."""

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        _refuse_blank(item, "ID", "give a work item's id, as `millracer submit` printed it")
        if reason is not None:
            _refuse_blank(reason, "--reason", "leave --reason out, or say why")
        return cancelling.cancel(
            item, millrace, cancellation, reason=reason or cancelling.DEFAULT_REASON
        )

    return _do(common, ControlCommand.CANCEL, do, as_json=as_json)


def pause(common: CommonOptions, *, as_json: bool) -> int:
    """Let nothing new begin."""
    return _do(common, ControlCommand.PAUSE, control.pause, as_json=as_json)


def resume(common: CommonOptions, *, as_json: bool) -> int:
    """End the pause."""
    return _do(common, ControlCommand.RESUME, control.resume, as_json=as_json)


def stop(common: CommonOptions, *, force: bool, as_json: bool) -> int:
    """End the daemon."""

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        return control.stop(millrace, cancellation, force=force)

    return _do(common, ControlCommand.STOP, do, as_json=as_json)


def _do(common: CommonOptions, command: ControlCommand, do: _Do, *, as_json: bool) -> int:
    load_endings()
    cancellation = Cancellation()
    try:
        with signals_cancel(cancellation):
            millrace, warnings = _open(common)
            report = do(millrace, cancellation)
    except MillracerError as error:
        return _refused(command, error, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
        return _refused(command, record_bug(error), as_json=as_json)
    finally:
        common.programs.close()
    with signals_ignored():
        _tell(report, warnings, as_json=as_json)
    return report.exit_code


def _open(common: CommonOptions) -> tuple[Backend, tuple[RunWarning, ...]]:
    with open_store() as store:
        memory = SessionMemory(store)
        place = find_place(common.workspace, common.session_id, memory)
        warnings = (*place.warnings, *memory.warnings)
    root_path = str(place.workspace)
    return common.programs.millrace(
        root_path, common.options.for_workspace(root_path).options
    ), warnings


def _tell(report: ControlReport, warnings: tuple[RunWarning, ...], *, as_json: bool) -> None:
    for warning in (*warnings, *report.warnings):
        say(f"warning: {warning}")
    errors = report.errors
    if report.cancel_reason is not None:
        errors = (ErrorRecord.of(was_cancelled(report.cancel_reason)),)
    for error in errors:
        say_error(error.message, error.suggested_action)
    for step in report.next_steps:
        say(f"  to {step.action}: {step.command}")
    if as_json:
        print_text(render_control_result(describe_control(report, errors, warnings)))
    elif not errors:
        print_text(printable(report.message))


def _refused(command: ControlCommand, error: MillracerError, *, as_json: bool) -> int:
    say_error(error.message, error.suggested_action)
    if as_json:
        print_text(render_control_result(control_refused(command, error)))
    return exit_code_of_error(error.code)


def _refuse_blank(text: str, name: str, suggested_action: str) -> None:
    if not text.strip():
        raise UsageError(f"{name} is empty", suggested_action=suggested_action)
