"""All workspaces at a glance."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from millracer import __version__
from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.status import EndedItem, Unfinished, WorkspaceStatus
from millracer.domain.work.items import ItemState
from millracer.errors import MillracerError
from millracer.operations.status import read_status
from millracer.ports import Backend
from millracer.schemas.serve.board import (
    BoardCounts,
    BoardDaemon,
    BoardDaemonState,
    BoardEnded,
    BoardItem,
    BoardResult,
    BoardRunning,
    BoardWorkspace,
)
from millracer.schemas.serve.errors import HttpErrorDocument
from millracer.serve.errors import describe_error
from millracer.serve.handlers.call import Call, reply
from millracer.serve.handlers.items import runner_of
from millracer.serve.service import Service, stopping
from millracer.serve.workspaces import ServedWorkspace

#: The most items of each group.
_SHOWN = 5
#: One workspace must not hold up the board for longer.
_READ_SECONDS = 20.0
_WAITING = frozenset({ItemState.QUEUED, ItemState.INBOX, ItemState.MAILBOX})


async def show_board(call: Call) -> Response:
    """Return the state of all workspaces.

    Raises:
        Refusal: the server stops.
    """
    try:
        return reply(await read_board(call.service))
    except Cancelled as cancelled:
        raise stopping() from cancelled


async def read_board(service: Service) -> BoardResult:
    """Return the board, with the kept entries of the workspaces that did not change.

    Raises:
        Cancelled: the server stops.
    """
    served = await service.threads.call(service.workspaces.all)
    entries = await asyncio.gather(
        *(service.threads.call(partial(_read_entry, service, each)) for each in served)
    )
    return BoardResult(
        version=__version__,
        read_only=service.read_only,
        has_fleet=service.operations.has_fleet,
        started_at=service.started_at,
        now=datetime.now(UTC),
        workspaces=entries,
    )


def _read_entry(service: Service, workspace: ServedWorkspace) -> BoardWorkspace:
    fields = workspace.fields()
    if not fields["exists"]:
        return _without_status(fields, BoardDaemonState.STOPPED)
    try:
        millrace = service.operations.open_millrace(workspace)
        entry = service.board.read(
            workspace,
            millrace.supervisor.stamps,
            lambda: _entry(millrace, service.operations.cancellation, fields),
        )
    except MillracerError as error:
        return _without_status(fields, BoardDaemonState.UNKNOWN, describe_error(error))
    return _with_runners(service, workspace, entry)


def _with_runners(
    service: Service, workspace: ServedWorkspace, entry: BoardWorkspace
) -> BoardWorkspace:
    """Return an entry with the processes that run its items now, which no stamp shows."""
    logs = service.operations.event_logs(workspace)
    running = [
        each.model_copy(update={"runner": runner_of(service, workspace, logs, each.work_item_id)})
        for each in entry.running
    ]
    return entry.model_copy(update={"running": running})


def _without_status(
    fields: dict[str, Any], state: BoardDaemonState, error: HttpErrorDocument | None = None
) -> BoardWorkspace:
    return BoardWorkspace(
        **fields,
        daemon=BoardDaemon(state=state, pid=None, since=None),
        counts=BoardCounts(queued=0, active=0, blocked=0, ended_today=0),
        running=[],
        waiting=[],
        blocked=[],
        ended=[],
        error=error,
    )


def _entry(millrace: Backend, cancellation: Cancellation, fields: dict[str, Any]) -> BoardWorkspace:
    status = read_status(millrace, Wait(cancellation).within(_READ_SECONDS))
    waiting = [each for each in status.unfinished if each.item.state in _WAITING]
    active = [each for each in status.unfinished if each.item.state is ItemState.ACTIVE]
    blocked = [each for each in status.unfinished if each.item.state is ItemState.BLOCKED]
    ended = _ended_today(status)
    titles = millrace.item_titles([each.item_id for each in ended[:_SHOWN]])
    return BoardWorkspace(
        **fields,
        daemon=_daemon(status),
        counts=BoardCounts(
            queued=len(waiting), active=len(active), blocked=len(blocked), ended_today=len(ended)
        ),
        running=[_running(status, each) for each in active],
        waiting=[_item(each) for each in waiting[:_SHOWN]],
        blocked=[_item(each) for each in blocked[:_SHOWN]],
        ended=[_ended(each, titles) for each in ended[:_SHOWN]],
        error=next(
            (
                HttpErrorDocument(
                    code=each.code,
                    message=each.message,
                    suggested_action=each.suggested_action,
                    field=each.field,
                )
                for each in status.errors
            ),
            None,
        ),
    )


def _daemon(status: WorkspaceStatus) -> BoardDaemon:
    daemon = status.daemon
    return BoardDaemon(
        state=_daemon_state(status),
        pid=None if daemon is None else daemon.pid,
        since=None if daemon is None else datetime.fromtimestamp(daemon.started, UTC),
    )


def _daemon_state(status: WorkspaceStatus) -> BoardDaemonState:
    if status.daemon is not None and status.daemon.may_be_dead:
        return BoardDaemonState.UNSEEN
    if status.status is not None and status.status.paused:
        return BoardDaemonState.PAUSED
    if status.daemon is not None:
        return BoardDaemonState.RUNNING
    return BoardDaemonState.UNKNOWN if status.errors else BoardDaemonState.STOPPED


def _running(status: WorkspaceStatus, found: Unfinished) -> BoardRunning:
    item, work = found.item, status.active
    is_worked_on = work is not None and work.item_id == item.item_id
    return BoardRunning(
        work_item_id=item.item_id,
        title=item.title,
        kind=item.work_kind,
        stage=work.stage if work is not None and is_worked_on else None,
        since=work.since if work is not None and is_worked_on else None,
        runner=None,
    )


def _item(found: Unfinished) -> BoardItem:
    item = found.item
    written_at = None
    with suppress(OSError):
        written_at = datetime.fromtimestamp(os.stat(item.path).st_mtime, UTC)  # noqa: PTH116 - a text
    return BoardItem(
        work_item_id=item.item_id,
        title=item.title,
        kind=item.work_kind,
        written_at=written_at,
        reason=found.reason,
    )


def _ended_today(status: WorkspaceStatus) -> list[EndedItem]:
    """Return the items that ended since midnight and were not continued, the newest first."""
    unfinished = {each.item_id for each in status.left}
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        each for each in status.every_end if each.at >= midnight and each.item_id not in unfinished
    ]


def _ended(end: EndedItem, titles: Mapping[str, str]) -> BoardEnded:
    return BoardEnded(
        work_item_id=end.item_id,
        title=titles.get(end.item_id, end.item_id),
        kind=end.work_kind,
        state=end.state,
        ended_at=end.at,
    )
