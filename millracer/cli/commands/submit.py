"""`millracer submit`: add one item to the queue and print its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millracer.cli.options import queue as queue_options
from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.stderr import say, say_errors, say_next_steps, say_warnings
from millracer.domain.operations import SUBMIT_OPTIONS, OperationName, load
from millracer.domain.work.items import ItemState
from millracer.wiring import new_request_id

if TYPE_CHECKING:
    from millracer.operations.session.memory import SessionMemory
    from millracer.schemas.submit import SubmitResult


@with_options(*queue_options.HERE, *SUBMIT_OPTIONS)
@with_output
def submit(
    common: CommonOptions,
    *,
    task: options.Task = None,
    request_json: options.RequestJson = False,
    request_id: options.RequestId = None,
    as_json: bool = False,
) -> None:
    """Add one task to Millrace's queue and print the work item's id.

    The command starts no daemon and does not wait for the work.
    """
    named = new_request_id() if request_id is None else request_id
    task_input = TaskInput(
        common=common,
        task=tuple(task or ()),
        request_json=request_json,
        request_id=request_id,
    )

    def prepared(memory: SessionMemory) -> object:
        return load("millracer.cli.task_input:prepare")(task_input, named, memory)

    perform(OperationName.SUBMIT, common, prepared, _show, as_json=as_json, request_id=named)


def _show(result: SubmitResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.state is not None:
        say(_where(result, result.state))
    say_next_steps(result.next_steps)
    return None if result.state is None else result.work_item_id


def _where(result: SubmitResult, state: ItemState) -> str:
    """Describe where the item is, for a person."""
    was = "is already in Millrace" if result.found else "is in the queue"
    if result.found or state not in {ItemState.QUEUED, ItemState.INBOX}:
        was += f" ({state})"
    worker = "a daemon runs" if result.daemon_runs else "no daemon runs"
    item = f"{result.work_item_id} {was}"
    return f"{item}; {worker}" if state.is_live else item
