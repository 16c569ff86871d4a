"""Putting one item in Millrace's queue, and no more: no daemon is started, nothing is watched.

The item is the one that `run` would have made of the same request, by the same rules, so that
either meets what the other put there. No model is asked: the route is Millrace, and the intake kind
is the caller's or read from the task's words, as for a run whose route is forced.
"""

from __future__ import annotations

from collections.abc import Callable

from millracer.cancellation import Cancellation, Cancelled
from millracer.domain.identity import work_item_for
from millracer.domain.items import ItemState
from millracer.domain.requests import Decision, Route, RunRequest
from millracer.domain.runtime import CommandState
from millracer.domain.submission import Submission
from millracer.domain.unseen import unseen_warning
from millracer.errors import MillracerError, ToolFailed
from millracer.ports import Backend
from millracer.run.context import RunContext
from millracer.run.enqueue import enqueue, write_document
from millracer.run.lookup import find_item
from millracer.run.mode import settle_mode

#: How long a daemon may take to accept the item before a warning says so.
TAKEN_IN_SECONDS = 20.0


def submit(
    request: RunRequest,
    *,
    millrace: Backend,
    unique: Callable[[], str],
    cancellation: Cancellation,
) -> Submission:
    """Put the request's item in the queue unless it is in Millrace already; errors are told in it.

    Args:
        request: what is asked for.
        millrace: of the workspace.
        unique: returns a fresh text for the identity of work that the caller did not name.
        cancellation: of the caller.
    """
    record = RunContext(request=request, cancellation=cancellation)
    found = False
    try:
        found = _submit(record, millrace, unique)
    except Cancelled as cancelled:
        record.cancel_reason = cancelled.reason
    except MillracerError as error:
        record.fail(error)
    daemon = None if record.item_status is None else millrace.supervisor.find()
    unseen = unseen_warning(daemon)
    if unseen is not None:
        record.warn(unseen.code, unseen.text)
    return Submission(
        workspace=millrace.workspace,
        commands=millrace.commands,
        request=request,
        item_id=None if record.item is None else record.item.item_id,
        item_status=record.item_status,
        found=found,
        intake_kind=record.intake_kind,
        intake_signals=record.intake_signals,
        task_path=record.document_path,
        daemon=daemon,
        version=millrace.version,
        warnings=tuple(record.warnings),
        errors=tuple(record.errors),
        cancel_reason=record.cancel_reason,
    )


def _submit(record: RunContext, millrace: Backend, unique: Callable[[], str]) -> bool:
    """Do it; return whether the item was there before."""
    record.item = work_item_for(record.request, unique=unique())
    millrace.warm_up()
    millrace.check_supported(record.wait)
    if record.item.named and millrace.is_initialised and find_item(record, millrace) is not None:
        return True
    record.decision = Decision(route=Route.MILLRACE, why="the caller chose Millrace")
    millrace.initialise(record.wait)
    settle_mode(record, millrace)
    write_document(record, millrace)
    if enqueue(record, millrace) is not None:
        return True
    _see_it_taken_in(record, millrace)
    return False


def _see_it_taken_in(record: RunContext, millrace: Backend) -> None:
    """Wait a while for the daemon that has yet to accept the item; a refusal is an error.

    Raises:
        ToolFailed: the daemon refused it; nothing was queued.
    """
    if record.pending_command is None:
        return
    reply = millrace.await_reply(record.pending_command, record.wait.within(TAKEN_IN_SECONDS))
    if reply.state is CommandState.WAITING:
        record.warn("not_taken_in", "the daemon has not taken the item in yet; it will")
        return
    item_status = millrace.look_up(record.known_item.item_id, record.wait)
    if item_status.state not in {ItemState.ABSENT, ItemState.REFUSED}:
        record.item_status = item_status
        return
    record.item_status = None
    raise ToolFailed(
        "millrace",
        "Millrace's daemon refused the item: "
        f"{reply.detail or item_status.detail or 'it is in no folder of the workspace'}",
        suggested_action="mend what it says, and submit it again",
    )
