"""Convert a command line to a task for a fleet."""

from __future__ import annotations

from millracer.cli.task_input import read_request, read_task
from millracer.cli.task_request import TaskInput
from millracer.domain.operations.fleet_requests import FleetTask
from millracer.domain.requests import IntakePreference
from millracer.errors import InvalidRequest
from millracer.operations.fleet.task import json_options


def prepare_fleet_task(options: TaskInput, request_id: str, key: str | None = None) -> FleetTask:
    """Read the task, with the options of the command line and its environment.

    Options of configuration files stay here: those of the host count.

    Raises:
        UsageError, InvalidRequest: the input is invalid.
    """
    layers = options.common.options
    chosen = json_options({**layers.environment, **layers.given})
    if not options.request_json:
        return FleetTask(
            text=read_task(options), request_id=request_id, idempotency_key=key, options=chosen
        )
    document = read_request(options)
    if document.workspace is not None:
        raise InvalidRequest(
            "the request names a directory of this machine, and a fleet has ids of workspaces",
            field="workspace",
            suggested_action="leave `workspace` out of the request, and name it in the command",
        )
    if document.scope_is_unclear:
        raise InvalidRequest(
            "the request gives a scoped work item without one usable id",
            field="scoped_work_item",
            suggested_action="give the item one `item_id`, or leave it out",
        )
    if document.intake not in {None, IntakePreference.AUTO}:
        chosen = {**chosen, "intake": document.intake.value}
    return FleetTask(
        text=document.task,
        request_id=request_id,
        idempotency_key=key,
        scope=document.scope,
        options=chosen,
        warnings=document.warnings,
    )
