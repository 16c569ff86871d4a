"""The JSON of `millracer fleet schedule … --json`: `millracer.fleet.schedules.v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from millracer.domain.fleet.items import FleetSchedule
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.fleet.report import FleetItemDocument, FleetReport, error_of


class FleetScheduleDocument(Published):
    """One schedule of the fleet.

    Attributes:
        name: its name, unique in the fleet.
        workspace_id: the workspace that does its task.
        cron: when its task is submitted: five fields, or six with seconds.
        timezone: the time zone of `cron`.
        task: the text of its task.
        paused: its task is not submitted.
        last_at: when its task was last submitted; null before.
    """

    name: str
    workspace_id: str
    cron: str
    timezone: str
    task: str
    paused: bool
    last_at: datetime | None


class FleetSchedulesResult(FleetReport):
    """The schedules of the fleet, by name, after the requested change.

    Attributes:
        message: the change as a sentence; empty for a list.
        schedules: the schedules.
        item: the item that was submitted; null unless a schedule was run.
    """

    schema_version: Literal["millracer.fleet.schedules.v1"] = "millracer.fleet.schedules.v1"
    message: str = ""
    schedules: list[FleetScheduleDocument] = Field(default_factory=list)
    item: FleetItemDocument | None = None


def describe_schedule(schedule: FleetSchedule) -> FleetScheduleDocument:
    """Return the published form of a schedule."""
    task = (schedule.request.get("input") or {}).get("text") or ""
    return FleetScheduleDocument.of(schedule, task=task)


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetSchedulesResult:
    """Return the document of a schedule's command that failed."""
    return FleetSchedulesResult(errors=[error_of(error)])
