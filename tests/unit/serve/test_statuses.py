"""Each error code and each control outcome has an HTTP status."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from millracer.domain.control import ControlOutcome
from millracer.serve.statuses import status_of_error, status_of_outcome
from tests.docs import codes


@pytest.mark.parametrize("code", sorted(codes.error_codes()))
def test_every_error_is_a_failure(code: str) -> None:
    assert 400 <= status_of_error(code, None) < 600


@pytest.mark.parametrize(
    ("code", "field", "status"),
    [
        ("internal_error", None, 500),
        ("usage", None, 422),
        ("invalid_request", "task", 422),
        ("invalid_request", "work_item_id", 404),
        ("invalid_request", "run_id", 404),
        ("state_conflict", "work_item_id", 409),
        ("idempotency_conflict", None, 409),
        ("daemon_in_use", None, 409),
        ("millrace_timed_out", None, 504),
        ("millrace_not_found", None, 503),
        ("pi_failed", None, 503),
        ("session_store_unavailable", None, 503),
    ],
)
def test_the_kind_of_a_failure(code: str, field: str | None, status: int) -> None:
    assert status_of_error(code, field) == status


def test_an_unknown_name_of_the_path_is_not_found() -> None:
    assert status_of_error("invalid_request", "host", frozenset({"host"})) == 404
    assert status_of_error("invalid_request", "host") == 422


def test_an_outcome_without_effect_is_a_conflict() -> None:
    found = {outcome: status_of_outcome(outcome) for outcome in ControlOutcome}

    assert found == {
        ControlOutcome.DONE: HTTPStatus.OK,
        ControlOutcome.ALREADY: HTTPStatus.OK,
        ControlOutcome.NOT_CONFIRMED: HTTPStatus.ACCEPTED,
        ControlOutcome.TOO_LATE: HTTPStatus.CONFLICT,
        ControlOutcome.NOT_POSSIBLE: HTTPStatus.CONFLICT,
        ControlOutcome.FAILED: None,
    }
