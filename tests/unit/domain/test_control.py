"""The exit code of a control command: the observed effect, unless something else ended it."""

from typing import Any

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.run.result import ErrorRecord
from millracer.errors import ExitCode

EXIT_CODES = {
    ControlOutcome.DONE: ExitCode.COMPLETED,
    ControlOutcome.ALREADY: ExitCode.COMPLETED,
    ControlOutcome.TOO_LATE: ExitCode.INCOMPLETE,
    ControlOutcome.NOT_POSSIBLE: ExitCode.BLOCKED,
    ControlOutcome.NOT_CONFIRMED: ExitCode.TIMED_OUT,
}


def report(outcome: ControlOutcome, **fields: Any) -> ControlReport:
    return ControlReport(
        command=ControlCommand.STOP, outcome=outcome, message="m", workspace="/w", **fields
    )


@pytest.mark.parametrize("outcome", EXIT_CODES)
def test_an_outcome_has_its_exit_code(outcome: ControlOutcome) -> None:
    assert report(outcome).exit_code == EXIT_CODES[outcome]


@pytest.mark.parametrize(
    ("codes", "exit_code"),
    [
        (("usage", "millrace_failed"), ExitCode.USAGE),
        (("daemon_in_use",), ExitCode.USAGE),
        (("millrace_failed", "usage"), ExitCode.FAILED),
        (("internal_error",), ExitCode.INTERNAL_ERROR),
    ],
)
def test_the_first_error_says_the_exit_code(codes: tuple[str, ...], exit_code: ExitCode) -> None:
    errors = tuple(ErrorRecord(code, "m") for code in codes)

    assert report(ControlOutcome.FAILED, errors=errors).exit_code == exit_code


@pytest.mark.parametrize(
    ("reason", "exit_code"),
    [
        (CancelReason.INTERRUPTED, ExitCode.INTERRUPTED),
        (CancelReason.TERMINATED, ExitCode.TERMINATED),
    ],
)
def test_who_stops_the_command_gets_its_code(reason: CancelReason, exit_code: ExitCode) -> None:
    stopped = report(
        ControlOutcome.NOT_CONFIRMED,
        cancel_reason=reason,
        errors=(ErrorRecord("usage", "m"),),
    )

    assert stopped.exit_code == exit_code


def test_the_words_are_the_published_ones() -> None:
    assert [str(each) for each in ControlCommand] == [
        "cancel",
        "retry",
        "pause",
        "resume",
        "start",
        "stop",
    ]
    assert [str(each) for each in ControlOutcome] == [
        "done",
        "already",
        "too_late",
        "not_possible",
        "not_confirmed",
        "failed",
    ]
