"""List the attempts at work items from their event logs. Changes nothing, and starts no program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from millracer.domain.operations.requests import HistoryRequest
from millracer.domain.run.attempts import Attempt, attempts_in
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.ports import EventLogs
from millracer.schemas.items.history import HistoryResult, describe_history


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAttempt:
    """An attempt with its item and workspace."""

    attempt: Attempt
    work_item_id: str
    workspace: str
    workspace_id: str | None


def answer_history(request: HistoryRequest, context: OperationContext) -> Answer[HistoryResult]:
    """List the attempts in the caller's workspace, the last started first.

    Raises:
        WorkspaceUnusable: the caller's workspace cannot be used.
    """
    context.cancellation.raise_if_cancelled()
    place = context.find_workspace()
    places = {place.root_path: place.resolution.workspace_id}
    if request.all_workspaces:
        registered = context.memory.store.list_workspaces()
        places |= {each.root_path: each.workspace_id for each in registered}
    found = [
        PlacedAttempt(
            attempt=attempt, work_item_id=item_id, workspace=root_path, workspace_id=workspace_id
        )
        for root_path, workspace_id in places.items()
        for item_id, attempt in _attempts(context, root_path, request.work_item_id)
    ]
    found.sort(key=lambda each: (each.attempt.started_at, each.attempt.number), reverse=True)
    warnings = (*place.warnings, *context.memory.warnings)
    return Answer(
        result=describe_history(place.root_path, found, warnings), exit_code=ExitCode.COMPLETED
    )


def _attempts(
    context: OperationContext, root_path: str, only: str | None
) -> Iterator[tuple[str, Attempt]]:
    logs = context.tools.event_logs(root_path)
    if logs is None:
        return
    for item_id in logs.item_ids():
        if only not in {None, item_id}:
            continue
        context.cancellation.raise_if_cancelled()
        with closing(logs.read(item_id)) as reader:
            for attempt in attempts_in(reader.read().events):
                yield item_id, replace(attempt, tokens=_tokens(logs, item_id, attempt))


def _tokens(logs: EventLogs, item_id: str, attempt: Attempt) -> int | None:
    """Return the tokens in the stored document of an attempt; None if it is missing or broken."""
    if attempt.result_sha256 is None:
        return None
    found: object = logs.result(item_id, attempt.number, attempt.result_sha256)
    for key in ("usage", "total", "tokens", "total"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int) else None
