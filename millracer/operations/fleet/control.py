"""Change the fleet: cancel and retry items, drain hosts, pause workspaces, delete old items."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from millracer.domain.control import CONTROL_EXIT_CODES, ControlOutcome
from millracer.domain.fleet.items import CancelVerdict, FleetItem, FleetItemState
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetDrainRequest,
    FleetForgetRequest,
    FleetPauseRequest,
    FleetPruneRequest,
    FleetResumeRequest,
    FleetRetryRequest,
)
from millracer.domain.operations.names import OperationName
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import NextStep
from millracer.errors import InvalidRequest, StateConflict
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet.follow import (
    OutageTolerance,
    await_end,
    find_named,
    read_item,
    wait_of,
)
from millracer.operations.fleet.steps import next_steps
from millracer.ports.fleet_store import FleetStore
from millracer.schemas.fleet.control import FleetControlResult
from millracer.schemas.fleet.report import describe_item
from millracer.schemas.run.document import StepDocument

DEFAULT_REASON: Final = "no longer wanted"
_POLL_SECONDS: Final = 0.5
_MOST_SECONDS: Final = timedelta.max.total_seconds() / 1000


def answer_cancel(
    request: FleetCancelRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Cancel an item; a running one is awaited, since its host cancels it.

    Raises:
        InvalidRequest: the fleet has no such item.
        MillracerError: the fleet cannot be reached.
    """
    with context.open_fleet() as store:
        item = find_named(store, request.work_item_id).item
        verdict = store.cancel(item.item_id, request.reason or DEFAULT_REASON)
        if verdict is CancelVerdict.REQUESTED:
            detail = await_end(store, item.item_id, context, request.wait_seconds)
        else:
            detail = read_item(store, item.item_id)
    outcome, message = _cancelled(verdict, detail.item)
    return _answer(
        OperationName.FLEET_CANCEL,
        outcome,
        message,
        item=detail.item,
        steps=() if detail.item.state is FleetItemState.ENDED else next_steps(detail.item),
    )


def _cancelled(verdict: CancelVerdict, item: FleetItem) -> tuple[ControlOutcome, str]:
    name = item.item_id
    if item.state is not FleetItemState.ENDED:
        message = f"the cancellation of {name} is requested; its host {item.host} has not ended it"
        return ControlOutcome.NOT_CONFIRMED, f"{message} yet"
    if item.outcome == Outcome.CANCELLED:
        if verdict is CancelVerdict.ENDED:
            return ControlOutcome.ALREADY, f"{name} was cancelled before"
        return ControlOutcome.DONE, f"{name} is cancelled"
    return ControlOutcome.TOO_LATE, f"{name} has already ended as {item.outcome}"


def answer_retry(
    request: FleetRetryRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Dispatch an item again that was set aside.

    Raises:
        InvalidRequest: the fleet has no such item.
        StateConflict: it was not set aside.
        MillracerError: the fleet cannot be reached.
    """
    with context.open_fleet() as store:
        item = find_named(store, request.work_item_id).item
        if not store.retry(item.item_id):
            raise StateConflict(
                f"{item.item_id} was not set aside; it is "
                f"{(item.outcome or item.state).replace('_', ' ')}",
                field="work_item_id",
                suggested_action=f"read it with `millracer fleet show {item.item_id}`",
            )
        item = read_item(store, item.item_id).item
    return _answer(
        OperationName.FLEET_RETRY,
        ControlOutcome.DONE,
        f"{item.item_id} is dispatched again",
        item=item,
        steps=next_steps(item),
    )


def answer_drain(
    request: FleetDrainRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Let a host start nothing new and wait until nothing runs there, or end the drain.

    Raises:
        InvalidRequest: the fleet has no such host.
        MillracerError: the fleet cannot be reached.
    """
    host = request.host
    with context.open_fleet() as store:
        if not store.drain(host, draining=not request.undo, note=request.note or ""):
            raise InvalidRequest(
                f"the fleet has no host {host!r:.200}",
                field="host",
                suggested_action="name a host that `millracer fleet hosts` lists",
            )
        if request.undo:
            message = f"{host} starts items again"
            return _answer(OperationName.FLEET_DRAIN, ControlOutcome.DONE, message, subject=host)
        wait = wait_of(context, request.wait_seconds if request.wait else 0)
        reads = OutageTolerance(lambda: _running(store, host))
        running = wait.until(reads.read, lambda found: not found, every=_POLL_SECONDS)
    undo = NextStep("end the drain", f"millracer fleet drain {host} --undo")
    if running and request.wait:
        outcome = ControlOutcome.NOT_CONFIRMED
        message = f"{host} starts nothing new; it still runs {', '.join(running)}"
    else:
        outcome = ControlOutcome.DONE
        rest = f"; it still runs {', '.join(running)}" if running else ", and runs nothing"
        message = f"{host} starts nothing new{rest}"
    return _answer(OperationName.FLEET_DRAIN, outcome, message, subject=host, steps=(undo,))


def _running(store: FleetStore, host: str) -> list[str]:
    return [item for each in store.list_hosts() if each.host == host for item in each.running]


def answer_pause(
    request: FleetPauseRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Start no item in a workspace.

    Raises:
        InvalidRequest: the fleet has no such workspace, or the time cannot be used.
        MillracerError: the fleet cannot be reached.
    """
    until = None
    if request.for_seconds is not None:
        seconds = _checked_seconds(request.for_seconds, "for_seconds", least=1.0)
        until = context.clock.now() + timedelta(seconds=seconds)
    name = request.workspace_id
    with context.open_fleet() as store:
        if not store.pause(name, paused=True, note=request.note or "", until=until):
            raise _unknown_workspace(name)
    end = "" if until is None else f" until {until:%Y-%m-%d %H:%M}Z"
    return _answer(
        OperationName.FLEET_PAUSE,
        ControlOutcome.DONE,
        f"{name} is paused{end}; no item starts there, and a running one continues",
        subject=name,
        steps=(NextStep("end the pause", f"millracer fleet resume {name}"),),
    )


def answer_resume(
    request: FleetResumeRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """End the pause of a workspace.

    Raises:
        InvalidRequest: the fleet has no such workspace.
        MillracerError: the fleet cannot be reached.
    """
    name = request.workspace_id
    with context.open_fleet() as store:
        if not store.pause(name, paused=False):
            raise _unknown_workspace(name)
    message = f"{name} is not paused"
    return _answer(OperationName.FLEET_RESUME, ControlOutcome.DONE, message, subject=name)


def answer_forget(
    request: FleetForgetRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Remove a workspace without open items, or give up its lost checkout.

    Raises:
        InvalidRequest: the fleet has no such workspace.
        StateConflict: it has open items, or its host is not away.
        MillracerError: the fleet cannot be reached.
    """
    name = request.workspace_id
    with context.open_fleet() as store:
        if request.lost:
            return _answer_lost(name, store)
        if not store.forget_workspace(name):
            known = {each.workspace_id for each in store.list_workspaces()}
            if name not in known:
                raise _unknown_workspace(name)
            raise StateConflict(
                f"{name} has open items",
                field="workspace_id",
                suggested_action=f"list them with `millracer fleet ps --workspace {name}`, and "
                "wait for their ends or cancel them; if the checkout is lost, add --lost",
            )
    message = f"the fleet forgot {name}; its checkout is unchanged"
    return _answer(OperationName.FLEET_FORGET, ControlOutcome.DONE, message, subject=name)


def _answer_lost(name: str, store: FleetStore) -> Answer[FleetControlResult]:
    if not store.release_workspace(name):
        if name not in {each.workspace_id for each in store.list_workspaces()}:
            raise _unknown_workspace(name)
        raise StateConflict(
            f"the host of {name} is not away",
            field="workspace_id",
            suggested_action="stop its worker first; `millracer fleet hosts` lists the hosts",
        )
    message = f"the next checkout that registers {name} takes its open items"
    return _answer(OperationName.FLEET_FORGET, ControlOutcome.DONE, message, subject=name)


def answer_prune(
    request: FleetPruneRequest, context: OperationContext
) -> Answer[FleetControlResult]:
    """Delete items that ended before a time, with their dispatches.

    Raises:
        InvalidRequest: the time cannot be used.
        MillracerError: the fleet cannot be reached.
    """
    seconds = _checked_seconds(request.older_than_seconds, "older_than_seconds")
    with context.open_fleet() as store:
        count = store.prune(timedelta(seconds=seconds))
    items = "1 item" if count == 1 else f"{count} items"
    return _answer(OperationName.FLEET_PRUNE, ControlOutcome.DONE, f"{items} deleted", count=count)


def _checked_seconds(seconds: float, field: str, *, least: float = 0.0) -> float:
    if math.isfinite(seconds) and least <= seconds <= _MOST_SECONDS:
        return seconds
    raise InvalidRequest(
        f"{field} is {seconds:g}, which is not a time span from {least:g} seconds on",
        field=field,
        suggested_action="use a positive number of seconds",
    )


def _unknown_workspace(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"the fleet has no workspace {name!r:.200}",
        field="workspace_id",
        suggested_action="name a workspace that `millracer fleet workspaces` lists",
    )


def _answer(  # noqa: PLR0913 - the fields of the document
    command: OperationName,
    outcome: ControlOutcome,
    message: str,
    *,
    subject: str | None = None,
    item: FleetItem | None = None,
    count: int | None = None,
    steps: tuple[NextStep, ...] = (),
) -> Answer[FleetControlResult]:
    return Answer(
        result=FleetControlResult(
            command=command,
            outcome=outcome,
            message=message,
            subject=item.item_id if item is not None else subject,
            item=None if item is None else describe_item(item),
            count=count,
            next_steps=[StepDocument.of(step) for step in steps],
        ),
        exit_code=CONTROL_EXIT_CODES[outcome],
    )
