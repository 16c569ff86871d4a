"""The submission of one tick of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millracer.domain.fleet.items import FleetSubmission
from millracer.operations.fleet.task import submission_of


def tick_submission(at: str, context: Mapping[str, Any]) -> FleetSubmission:
    """Return the submission of a tick; its key names schedule and time, so it is stored once.

    Args:
        at: the time of the tick.
        context: `name`, `workspace` and `request` of the schedule.

    Raises:
        KeyError, TypeError: the context lacks something.
        InvalidRequest: the request cannot be used.
    """
    return submission_of(
        context["request"],
        workspace_id=context["workspace"],
        idempotency_key=f"{context['name']}@{at}",
    )
