"""List and change the schedules of a fleet: tasks that are submitted at times."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace

from millracer.domain.fleet.items import FleetItem, FleetSchedule, SubmitVerdict
from millracer.domain.operations.fleet_requests import FleetSchedulesRequest, ScheduleAction
from millracer.errors import ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet.follow import read_item
from millracer.operations.fleet.submit import refuse
from millracer.operations.fleet.task import request_of, submission_of
from millracer.ports.fleet_store import FleetStore
from millracer.schemas.fleet.report import describe_item
from millracer.schemas.fleet.schedules import FleetSchedulesResult, describe_schedule

#: Minutes to weekdays, with seconds or without.
_CRON_FIELDS = (5, 6)


def answer_schedules(
    request: FleetSchedulesRequest, context: OperationContext
) -> Answer[FleetSchedulesResult]:
    """List the schedules, after a change if one is requested.

    Raises:
        InvalidRequest: a field cannot be used, or the fleet has no such schedule or workspace.
        MillracerError: the fleet cannot be reached.
    """
    action = next((each for each in ScheduleAction if each == request.command), None)
    if action is None:
        raise InvalidRequest(
            f"schedules have no command {request.command!r:.100}",
            field="command",
            suggested_action=f"use one of {', '.join(ScheduleAction)}",
        )
    added = _new_schedule(request) if action is ScheduleAction.ADD else None
    with context.open_fleet() as store:
        message, item = "", None
        if added is not None:
            message = _add(store, added)
        elif action is not ScheduleAction.LIST:
            message, item = _change(store, action, request, context)
        schedules = store.list_schedules()
    return Answer(
        result=FleetSchedulesResult(
            message=message,
            schedules=[describe_schedule(each) for each in schedules],
            item=None if item is None else describe_item(item),
        ),
        exit_code=ExitCode.COMPLETED,
    )


def _new_schedule(request: FleetSchedulesRequest) -> FleetSchedule:
    cron = (request.cron or "").split()
    if len(cron) not in _CRON_FIELDS:
        raise InvalidRequest(
            f"the times {request.cron!r:.100} are not a cron expression",
            field="cron",
            suggested_action="use five fields, such as `0 2 * * 1-5`, or six with seconds",
        )
    try:
        zoneinfo.ZoneInfo(request.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(
            f"there is no time zone {request.timezone!r:.100}",
            field="timezone",
            suggested_action="use an IANA name, such as `Europe/Berlin`",
        ) from error
    if request.task is None:
        raise InvalidRequest(
            "there is no task", field="task", suggested_action="give the task as a text"
        )
    return FleetSchedule(
        name=_given(request.name, "name"),
        workspace_id=_given(request.workspace_id, "workspace_id"),
        cron=" ".join(cron),
        timezone=request.timezone,
        request=request_of(request.task),
    )


def _add(store: FleetStore, schedule: FleetSchedule) -> str:
    known = {each.workspace_id for each in store.list_workspaces()}
    if schedule.workspace_id not in known:
        refuse(SubmitVerdict.WORKSPACE_UNKNOWN, "", schedule.workspace_id, None)
    is_new = store.put_schedule(schedule)
    return f"schedule {schedule.name} is {'added' if is_new else 'replaced'}"


def _change(
    store: FleetStore,
    action: ScheduleAction,
    request: FleetSchedulesRequest,
    context: OperationContext,
) -> tuple[str, FleetItem | None]:
    name = _given(request.name, "name")
    found = next((each for each in store.list_schedules() if each.name == name), None)
    if found is None:
        raise InvalidRequest(
            f"the fleet has no schedule {name!r:.200}",
            field="name",
            suggested_action="name a schedule that `millracer fleet schedule list` lists",
        )
    match action:
        case ScheduleAction.REMOVE:
            store.remove_schedule(name)
            return f"schedule {name} is removed", None
        case ScheduleAction.RUN:
            item = _run(store, found, context)
            return f"{item.item_id} is in the queue", item
        case _:
            paused = action is ScheduleAction.PAUSE
            store.put_schedule(replace(found, paused=paused))
            return f"schedule {name} is {'paused' if paused else 'active'}", None


def _run(store: FleetStore, schedule: FleetSchedule, context: OperationContext) -> FleetItem:
    at = context.clock.now().isoformat(timespec="milliseconds")
    submission = submission_of(
        schedule.request,
        workspace_id=schedule.workspace_id,
        idempotency_key=f"{schedule.name}@{at}",
    )
    submitted = store.submit(submission)
    refuse(submitted.verdict, submission.item_id, schedule.workspace_id, None)
    return submitted.item or read_item(store, submission.item_id).item


def _given(text: str | None, field: str) -> str:
    if text is None or not text.strip():
        raise InvalidRequest(
            f"a schedule needs a {field}",
            field=field,
            suggested_action=f"give `{field}`",
        )
    return text
