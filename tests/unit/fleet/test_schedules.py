from __future__ import annotations

import pytest

from millracer.domain.fleet.items import FleetSchedule
from millracer.errors import InvalidRequest
from millracer.fleet.schedules import check_times


@pytest.mark.parametrize(
    ("cron", "timezone", "field"),
    [
        ("0 2 31 2 *", None, "cron"),
        ("61 * * * *", None, "cron"),
        ("often", None, "cron"),
        ("", None, "cron"),
        ("0 2 * * *", "Mars/Base", "timezone"),
        ("0 2 * * *", "../etc", "timezone"),
    ],
)
def test_a_schedule_without_a_next_time_is_refused(
    cron: str, timezone: str | None, field: str
) -> None:
    schedule = FleetSchedule(name="nightly", workspace_id="shop", cron=cron, timezone=timezone)

    with pytest.raises(InvalidRequest) as refused:
        check_times(schedule)

    assert refused.value.field == field


@pytest.mark.parametrize("cron", ["0 2 * * 1-5", "*/10 * * * * *", "0 0 29 2 *"])
def test_a_schedule_with_a_next_time_is_accepted(cron: str) -> None:
    check_times(FleetSchedule(name="n", workspace_id="shop", cron=cron, timezone="Europe/Berlin"))
