"""Report Millrace's runs. Changes nothing."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.operations.requests import ListRunsRequest, ShowRunRequest
from millracer.errors import ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.items.find_item import find_item
from millracer.operations.items.item_reports import open_workspace
from millracer.ports import Backend
from millracer.schemas.items.runs import (
    RunsResult,
    ShownRunResult,
    describe_runs,
    describe_shown_run,
)


def answer_list_runs(request: ListRunsRequest, context: OperationContext) -> Answer[RunsResult]:
    """List the runs of the caller's workspace, the newest first.

    Raises:
        InvalidRequest: the workspace holds no such item.
    """
    place, millrace, wait = open_workspace(context)
    item_ids = None
    if request.work_item_id is not None:
        item_ids = _item_ids(request.work_item_id, millrace, wait)
    runs = [
        run
        for run in millrace.list_runs(wait)
        if item_ids is None or not item_ids.isdisjoint(run.item_ids)
    ]
    warnings = (*place.warnings, *context.memory.warnings)
    return Answer(
        result=describe_runs(millrace.workspace, runs, millrace.version, warnings),
        exit_code=ExitCode.COMPLETED,
    )


def answer_show_run(request: ShowRunRequest, context: OperationContext) -> Answer[ShownRunResult]:
    """Show one run of the caller's workspace with Millrace's own trace.

    Raises:
        InvalidRequest: the workspace has no such run.
    """
    place, millrace, wait = open_workspace(context)
    run = millrace.find_run(request.run_id, wait)
    if run is None:
        raise InvalidRequest(
            f"workspace {millrace.workspace} has no run {request.run_id!r:.200}",
            field="run_id",
            suggested_action="list the runs with the action list_runs",
        )
    warnings = (*place.warnings, *context.memory.warnings)
    return Answer(
        result=describe_shown_run(millrace.workspace, run, millrace.version, warnings),
        exit_code=ExitCode.COMPLETED,
    )


def _item_ids(name: str, millrace: Backend, wait: Wait) -> frozenset[str]:
    item_status = find_item(name, millrace, wait)
    return frozenset({item_status.item_id, item_status.millrace_id or item_status.item_id})
