"""`millracer doctor`: print each check as it is made, or all as one JSON document."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from millracer.cancellation import Cancellation
from millracer.cli.operation_calls import conclude
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_common_options
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.running_line import RunningLine
from millracer.cli.terminal.stderr import say_errors
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.cli.terminal.style import Role, Stream, Symbol, is_terminal, paint, symbol
from millracer.doctor.diagnosis import Diagnosis
from millracer.domain.doctor_report import Check, CheckLevel, CheckName
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.errors import ExitCode, MillracerError
from millracer.operations.answer import Answer
from millracer.operations.diagnose import answer_of
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.base import render
from millracer.schemas.doctor import DoctorResult
from millracer.wiring.workspace import find_place

_LABELS = {
    CheckLevel.OK: "ok",
    CheckLevel.WARNING: "warning",
    CheckLevel.FAIL: "fail",
    CheckLevel.SKIPPED: "-",
}
_MARKS = {
    CheckLevel.OK: (Symbol.DONE, Role.GOOD),
    CheckLevel.WARNING: (Symbol.ATTENTION, Role.WARNING),
    CheckLevel.FAIL: (Symbol.FAILED, Role.BAD),
    CheckLevel.SKIPPED: (Symbol.NOTHING, Role.DIM),
}


@partial(with_common_options, despite_config=True)
@with_output
def doctor(
    common: CommonOptions,
    *,
    as_json: bool = False,
    with_turn: Annotated[
        bool,
        typer.Option("--try", help="Also send pi one short prompt; this calls its model."),
    ] = False,
) -> None:
    """Check whether a run would work here.

    Nothing is changed.
    """
    raise typer.Exit(_check(common, as_json=as_json, with_turn=with_turn))


def _check(common: CommonOptions, *, as_json: bool, with_turn: bool) -> int:
    """Make every check, print each, and return the exit code."""
    line = RunningLine()
    diagnosis = Diagnosis(
        common.programs,
        common.options,
        lambda memory: find_place(common.workspace, common.session_id, memory),
        user_config=common.user_config_error,
    )

    def show(check: Check) -> None:
        if not as_json:
            line.clear()
            _print_line(check)

    def work(_: SessionMemory, cancellation: Cancellation) -> Answer[DoctorResult]:
        result = diagnosis.run(
            cancellation,
            with_turn=with_turn,
            on_check=show,
            on_running=partial(_show_running, line),
        )
        return answer_of(result)

    def failed(error: MillracerError) -> Answer[DoctorResult]:
        cancelled = isinstance(error, CallerCancelled)
        exit_code = exit_code_of_failure(error) if cancelled else ExitCode.INTERNAL_ERROR
        return Answer(result=diagnosis.result(error), exit_code=exit_code)

    def report(answer: Answer[DoctorResult]) -> None:
        line.clear()
        say_errors(each for each in answer.result.errors if each.code != CallerCancelled.code)
        if as_json:
            print_text(render(answer.result))
        elif not answer.result.errors:
            print_text(_summary(diagnosis.checks))

    return conclude(common, work, failed=failed, report=report)


def _show_running(line: RunningLine, names: tuple[CheckName, ...]) -> None:
    shown = ", ".join(name.replace("_", " ") for name in names)
    if names:
        line.show(f"checking {shown} …")
    else:
        line.clear()


def _print_line(check: Check) -> None:
    finding = check.finding
    name = check.name.replace("_", " ")
    label, indent = f"{_LABELS[finding.level]:<8} ", ""
    if is_terminal(Stream.OUT):
        mark, role = _MARKS[finding.level]
        label, indent = paint(f"{symbol(mark)} {label}", role), "  "
    lines = hanging(f"{label}{name:<15} ", finding.message)
    if finding.next_command is not None:
        start = paint("next:", Role.DIM)
        lines += hanging(f"{indent}{'':<24} {start} ", finding.next_command)
    print_shown("\n".join(lines))


def _summary(checks: list[Check]) -> str:
    counted = {level: sum(check.finding.level is level for check in checks) for level in CheckLevel}
    warnings = counted[CheckLevel.WARNING]
    counts = [f"{counted[CheckLevel.OK]} ok", f"{warnings} warning{'' if warnings == 1 else 's'}"]
    counts.append(f"{counted[CheckLevel.FAIL]} failed")
    if counted[CheckLevel.SKIPPED]:
        counts.append(f"{counted[CheckLevel.SKIPPED]} not checked")
    return ", ".join(counts)
