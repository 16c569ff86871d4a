"""The HTTP status of each error code, control outcome and exit code."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from millracer.domain.control import ControlOutcome
from millracer.errors import INTERNAL_ERROR, ExitCode

_OF_CODE: Mapping[str, HTTPStatus] = {
    INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    "usage": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_request": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "config_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "stage_model_unavailable": HTTPStatus.UNPROCESSABLE_ENTITY,
    "document_unsafe": HTTPStatus.UNPROCESSABLE_ENTITY,
    "workspace_missing": HTTPStatus.NOT_FOUND,
    "workspace_unresolved": HTTPStatus.NOT_FOUND,
    "state_conflict": HTTPStatus.CONFLICT,
    "idempotency_conflict": HTTPStatus.CONFLICT,
    "mode_conflict": HTTPStatus.CONFLICT,
    "stage_model_conflict": HTTPStatus.CONFLICT,
    "daemon_in_use": HTTPStatus.CONFLICT,
    "workspace_unusable": HTTPStatus.CONFLICT,
    "workspace_uninitialised": HTTPStatus.CONFLICT,
    "changes_unknown": HTTPStatus.NOT_FOUND,
    **dict.fromkeys(
        ("not_completed", "not_certifiable", "files_changed", "not_a_git_workspace"),
        HTTPStatus.CONFLICT,
    ),
    "secret_in_task": HTTPStatus.UNPROCESSABLE_ENTITY,
    "fleet_denied": HTTPStatus.FORBIDDEN,
    "fleet_not_configured": HTTPStatus.NOT_FOUND,
    "millrace_timed_out": HTTPStatus.GATEWAY_TIMEOUT,
    "pi_timed_out": HTTPStatus.GATEWAY_TIMEOUT,
}

_OF_OUTCOME: Mapping[ControlOutcome, HTTPStatus] = {
    ControlOutcome.DONE: HTTPStatus.OK,
    ControlOutcome.ALREADY: HTTPStatus.OK,
    ControlOutcome.NOT_CONFIRMED: HTTPStatus.ACCEPTED,
    ControlOutcome.TOO_LATE: HTTPStatus.CONFLICT,
    ControlOutcome.NOT_POSSIBLE: HTTPStatus.CONFLICT,
}
#: Fields whose wrong value means that the resource does not exist.
_NAMES_RESOURCE = frozenset({"work_item_id", "run_id"})
_CANCELLED = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})


def status_of_error(
    code: str, field: str | None, names: frozenset[str] = frozenset()
) -> HTTPStatus:
    """Return the status of an error; one without a row, of a program or a file, is 503.

    Args:
        code: the code of the error.
        field: the request's field that caused it; an unknown item or run is not found.
        names: further fields that name the resource, since the path has them.
    """
    status = _OF_CODE.get(code, HTTPStatus.SERVICE_UNAVAILABLE)
    if field in _NAMES_RESOURCE | names and status is not HTTPStatus.CONFLICT:
        return HTTPStatus.NOT_FOUND
    return status


def status_of_outcome(outcome: ControlOutcome) -> HTTPStatus | None:
    """Return the status of a control command without errors; None for one that failed."""
    return _OF_OUTCOME.get(outcome)


def is_stop(exit_code: ExitCode) -> bool:
    """Return whether an operation ended since the server stops."""
    return exit_code in _CANCELLED
