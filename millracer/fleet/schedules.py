"""Schedules, which the engine keeps and starts: this module loads the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter
from dbos import DBOSClient, DBOSPortableJSONSerializer
from dbos._error import DBOSException
from sqlalchemy.exc import DBAPIError, ProgrammingError

from millracer.domain.fleet.items import FleetSchedule
from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetDenied, FleetUnreachable, InvalidRequest
from millracer.fleet.urls import shown_url, tuned_url

#: The engine's name for the function that a schedule starts; the worker registers it.
TICK: Final = "millracer.tick"
APPLICATION: Final = "millracer"


def put(place: FleetPlace, schedule: FleetSchedule) -> bool:
    """Add a schedule or replace the one of the same name; return whether it was new.

    Raises:
        InvalidRequest: the cron expression or the time zone is invalid.
        FleetUnreachable: the database does not answer.
        FleetDenied: the role may not change schedules.
    """
    check_times(schedule)
    with _client(place) as client:
        is_new = client.get_schedule(schedule.name) is None
        try:
            client.apply_schedules(
                [
                    {
                        "schedule_name": schedule.name,
                        "workflow_name": TICK,
                        "schedule": schedule.cron,
                        "context": {
                            "name": schedule.name,
                            "workspace": schedule.workspace_id,
                            "request": dict(schedule.request),
                        },
                        "cron_timezone": schedule.timezone,
                        # A fleet that was away for a weekend must not submit everything at once.
                        "automatic_backfill": False,
                    }
                ]
            )
        except DBOSException as error:
            raise InvalidRequest(
                f"the engine refused the schedule {schedule.name}: {error}",
                field="cron",
                suggested_action="write a cron expression such as `0 2 * * 1-5`, and an IANA time "
                "zone such as Europe/Berlin",
            ) from error
        if schedule.paused:
            client.pause_schedule(schedule.name)
        else:
            client.resume_schedule(schedule.name)
    return is_new


def check_times(schedule: FleetSchedule) -> None:
    """Refuse a schedule whose times the engine cannot compute: each worker would fail on it.

    Raises:
        InvalidRequest: the cron expression or the time zone is invalid, or no date ever matches.
    """
    cron, name = schedule.cron, schedule.name
    try:
        now = datetime.now(ZoneInfo(schedule.timezone) if schedule.timezone else UTC)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidRequest(
            f"the time zone {schedule.timezone!r} of the schedule {name} is unknown",
            field="timezone",
            suggested_action="write an IANA time zone such as Europe/Berlin",
        ) from error
    advice = "write a cron expression such as `0 2 * * 1-5`"
    if not croniter.is_valid(cron, second_at_beginning=True):
        raise InvalidRequest(
            f"the cron expression {cron!r} of the schedule {name} is invalid",
            field="cron",
            suggested_action=advice,
        )
    try:
        croniter(cron, now, second_at_beginning=True).get_next(datetime)
    except CroniterBadDateError as error:
        raise InvalidRequest(
            f"the schedule {name} would never start: no date matches {cron!r}",
            field="cron",
            suggested_action=advice,
        ) from error


def remove(place: FleetPlace, name: str) -> bool:
    """Remove a schedule; return whether there was one."""
    with _client(place) as client:
        is_known = client.get_schedule(name) is not None
        client.delete_schedule(name)
    return is_known


@contextmanager
def _client(place: FleetPlace) -> Iterator[DBOSClient]:
    client: DBOSClient | None = None
    try:
        client = DBOSClient(
            system_database_url=tuned_url(place),
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            system_database_pool_size=1,
            retry_connection_errors=False,
        )
        yield client
    except ProgrammingError as error:
        raise FleetDenied(
            f"the database {shown_url(place.url)} refused: {error.orig}",
            suggested_action="use the role of a host, or an owner's fleet.toml",
        ) from error
    except DBAPIError as error:
        raise FleetUnreachable(
            f"the fleet's database {shown_url(place.url)} cannot be reached: {error.orig}",
            suggested_action="start it or wait for it, then repeat the command, which is safe",
        ) from error
    finally:
        if client is not None:
            client.destroy()
