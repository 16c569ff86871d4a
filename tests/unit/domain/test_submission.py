"""The result of a request to put an item in the queue: its exit code, and how to continue."""

from datetime import UTC, datetime
from typing import Any

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.requests import IntakeKind, RunRequest
from millracer.domain.run.result import ErrorRecord
from millracer.domain.submission import Submission
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ExitCode
from millracer.millrace.shell import MillraceCommands

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def submission(state: ItemState | None, **fields: Any) -> Submission:
    item_status = None
    if state is not None:
        item_status = ItemStatus(
            item_id="t1", state=state, source="s", observed_at=NOW, kind=IntakeKind.TASK
        )
    request = RunRequest(task="t", request_id="r")
    return Submission(
        workspace="/w",
        commands=MillraceCommands("/w"),
        request=request,
        item_status=item_status,
        **fields,
    )


def steps(state: ItemState | None) -> list[tuple[str, str]]:
    found = submission(state).next_steps(watch="watch it", cancel="cancel it")
    return [(step.action, step.command) for step in found]


@pytest.mark.parametrize(
    ("state", "exit_code"),
    [
        (None, ExitCode.INCOMPLETE),
        (ItemState.QUEUED, ExitCode.COMPLETED),
        (ItemState.MAILBOX, ExitCode.COMPLETED),
        (ItemState.DONE, ExitCode.COMPLETED),
        (ItemState.BLOCKED, ExitCode.BLOCKED),
        (ItemState.CANCELLED, ExitCode.INCOMPLETE),
        (ItemState.REFUSED, ExitCode.INCOMPLETE),
    ],
)
def test_only_what_is_worked_on_or_done_is_a_success(
    state: ItemState | None, exit_code: ExitCode
) -> None:
    assert submission(state).exit_code == exit_code


def test_an_error_goes_before_the_place_and_the_callers_stop_before_both() -> None:
    errors = (ErrorRecord("usage", "m"), ErrorRecord("millrace_failed", "m"))

    assert submission(ItemState.QUEUED, errors=errors).exit_code == ExitCode.USAGE
    stopped = submission(None, errors=errors, cancel_reason=CancelReason.TERMINATED)
    assert stopped.exit_code == ExitCode.TERMINATED


def test_the_way_to_continue_depends_on_where_the_item_is() -> None:
    watch, cancel = ("watch", "watch it"), ("cancel", "cancel it")

    assert not submission(None).found
    assert steps(None) == steps(ItemState.CANCELLED) == []
    assert steps(ItemState.QUEUED) == steps(ItemState.ACTIVE) == [watch, cancel]
    assert steps(ItemState.DONE) == [watch]
    (retry, _), last = steps(ItemState.BLOCKED)
    assert (retry, last) == ("retry", cancel)
    assert "millracer retry t1 --workspace /w" in steps(ItemState.BLOCKED)[0][1]
