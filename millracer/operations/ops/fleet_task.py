"""The requests of the ops actions that carry a task for a fleet."""

from __future__ import annotations

from millracer.domain.operations import FLEET_OPTIONS
from millracer.domain.operations.fleet_requests import (
    FleetSchedulesRequest,
    FleetSubmitRequest,
    FleetTask,
    ScheduleAction,
)
from millracer.errors import InvalidRequest
from millracer.operations.fleet.task import json_options
from millracer.schemas.ops.fleet_payloads import FleetSchedulesPayload, FleetSubmitPayload
from millracer.schemas.ops.preferences import chosen_intake
from millracer.schemas.ops.request import ReadRequest

#: The route of every task of a fleet is Millrace.
_READ = frozenset({*FLEET_OPTIONS, "route"})


def prepare_submission(read: ReadRequest, workspace_id: str | None) -> FleetSubmitRequest:
    """Return the request of a `fleet_submit`.

    Raises:
        InvalidRequest: there is no task, or the request names an unclear scope.
    """
    payload = read.payload_as(FleetSubmitPayload)
    return FleetSubmitRequest(
        task=_task(read),
        workspace_id=payload.workspace_id or (None if payload.label else workspace_id),
        label=payload.label,
        priority=payload.priority,
        not_before=payload.not_before,
        wait=payload.wait,
        wait_seconds=payload.wait_seconds,
    )


def prepare_schedules(read: ReadRequest, workspace_id: str | None) -> FleetSchedulesRequest:
    """Return the request of a `fleet_schedules`.

    Raises:
        InvalidRequest: a new schedule has no task, or names an unclear scope.
    """
    payload = read.payload_as(FleetSchedulesPayload)
    return FleetSchedulesRequest(
        command=payload.command,
        name=payload.name,
        workspace_id=payload.workspace_id or workspace_id,
        cron=payload.cron,
        timezone=payload.timezone or "UTC",
        task=_task(read) if payload.command is ScheduleAction.ADD else None,
    )


def _task(read: ReadRequest) -> FleetTask:
    document = read.request
    if read.task is None:
        raise InvalidRequest(
            f"{read.action} needs a task: input.text, or input.payload.task",
            field="input.text",
            suggested_action="give the task as input.text",
        )
    if read.scope_is_unclear:
        raise InvalidRequest(
            "the request gives a scoped work item without one usable id",
            field="work_item_ref",
            suggested_action="give the item one `item_id`, or leave it out",
        )
    options = {} if document.options is None else document.options.given()
    unusable = next((name for name in options if name not in _READ), None)
    if unusable is not None:
        raise InvalidRequest(
            f"options.{unusable} has no meaning for a task of the fleet",
            field=f"options.{unusable}",
            suggested_action=f"leave it out; the options are {', '.join(FLEET_OPTIONS)}",
        )
    intake = chosen_intake(document.intake_preference)
    if intake is not None:
        options = {**options, "intake": intake}
    if document.workspace_ref.mode is not None:
        options = {**options, "millrace_mode": document.workspace_ref.mode}
    return FleetTask(
        text=read.task,
        request_id=document.request_id,
        idempotency_key=document.idempotency_key,
        scope=read.scope,
        context_refs=tuple(document.context_refs or ()),
        options=json_options(options),
        expected_evidence=tuple(document.expected_evidence or ()),
    )
