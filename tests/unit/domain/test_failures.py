"""The exit code of a failure."""

from __future__ import annotations

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.errors import ExitCode, MillracerError, UsageError


class _Broken(MillracerError):
    code = "broken"


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (CallerCancelled(CancelReason.INTERRUPTED), ExitCode.INTERRUPTED),
        (CallerCancelled(CancelReason.TERMINATED), ExitCode.TERMINATED),
        (UsageError("wrong", suggested_action="read the help"), ExitCode.USAGE),
        (_Broken("no use", suggested_action="try again"), ExitCode.FAILED),
    ],
)
def test_an_error_has_the_exit_code_of_its_kind(error: MillracerError, exit_code: ExitCode) -> None:
    assert exit_code_of_failure(error) is exit_code


def test_a_cancellation_names_its_reason_and_the_next_step() -> None:
    error = CallerCancelled(CancelReason.TERMINATED)

    assert (error.code, error.reason) == ("cancelled", CancelReason.TERMINATED)
    assert error.message == f"cancelled ({CancelReason.TERMINATED})"
    assert error.suggested_action
