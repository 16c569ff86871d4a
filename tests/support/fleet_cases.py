"""The golden ops requests on a fleet, each with its scene."""

from __future__ import annotations

from typing import Any

from millracer.domain.fleet.waiting import DispatchStatus
from millracer.errors import FleetNotConfigured, FleetNotInstalled, FleetUnreachable, MillracerError
from tests.support.fleet_scene import HOST
from tests.support.gateway import Desk
from tests.support.ops_requests import Json, asks
from tests.support.ops_scenes import Prepare

_FLEET = {"runtime_kind": "fleet", "workspace_id": "shop"}

_AWAY = FleetUnreachable(
    "the fleet's database cannot be reached",
    suggested_action="start it or wait for it, then repeat the command, which is safe",
)
_NOT_INSTALLED = FleetNotInstalled(
    "the fleet needs libraries that are not installed: dbos, psycopg",
    suggested_action="pip install 'millracer[fleet]'",
)
_NOT_CONFIGURED = FleetNotConfigured(
    "no fleet is set up here",
    suggested_action="`millracer fleet up --local` starts one on this machine",
)


def _busy(desk: Desk) -> None:
    """Let an item run, one wait for it, one be set aside, and one have ended."""
    scene = desk.fleet
    for text in ("Fix the header", "Sort the list", "Speed it up"):
        scene.add(text, request_id=text, workspace_id="api")
    scene.end(scene.begin(), "blocked")
    scene.fleet.end_dispatch(scene.begin().item_id, DispatchStatus.SET_ASIDE)
    lease = scene.begin()
    scene.fleet.report_progress(lease, "builder", "the builder runs", 3)
    scene.add("Write the docs", request_id="docs", workspace_id="api")


def _completed(desk: Desk) -> None:
    desk.fleet.add("Make the widget blue", idempotency_key="ticket-12")
    desk.fleet.end(desk.fleet.begin())


def _scheduled(desk: Desk) -> None:
    desk.ask("fleet_schedules", **_NIGHTLY)


def _fails(error: MillracerError) -> Prepare:
    def prepare(desk: Desk) -> None:
        def raising(_name: str) -> None:
            raise error

        desk.fleet.fleet.before = raising

    return prepare


def _payload(**fields: Any) -> dict[str, Json]:
    return {"input": {"payload": fields}}


_TASK: dict[str, Json] = {
    "workspace_ref": _FLEET,
    "input": {"text": "Make the widget blue", "payload": {"priority": 50}},
    "idempotency_key": "ticket-12",
    "options": {"finalizer": "summary"},
}
_AWAITED = {**_TASK, "input": {"text": "Make the widget blue", "payload": {"wait": True}}}
_NIGHTLY: dict[str, Json] = {
    "workspace_ref": _FLEET,
    "input": {
        "text": "Update the dependencies",
        "payload": {
            "command": "add",
            "name": "nightly",
            "cron": "0 2 * * 1-5",
            "timezone": "Europe/Berlin",
        },
    },
}


def _nothing(_desk: Desk) -> None:
    """Leave the fleet empty."""


#: Name, request and scene of each case.
FLEET_CASES: tuple[tuple[str, dict[str, Json], Prepare], ...] = (
    ("fleet-submit", asks("fleet_submit", **_TASK), _nothing),
    ("fleet-submit-awaited", asks("fleet_submit", **_AWAITED), _completed),
    ("fleet-list", asks("fleet_list", **_payload(all_items=True)), _busy),
    ("fleet-show", asks("fleet_show", **_payload(id="fix-the-header")), _busy),
    ("fleet-wait", asks("fleet_wait", **_payload(work_item_ids=["ticket-12"])), _completed),
    (
        "fleet-wait-blocked",
        asks("fleet_wait", **_payload(work_item_ids=["fix-the-header"])),
        _busy,
    ),
    (
        "fleet-wait-timed-out",
        asks("fleet_wait", **_payload(work_item_ids=["write"], wait_seconds=0)),
        _busy,
    ),
    ("fleet-cancel", asks("fleet_cancel", **_payload(work_item_id="write")), _busy),
    ("fleet-cancel-too-late", asks("fleet_cancel", **_payload(work_item_id="fix")), _busy),
    (
        "fleet-cancel-requested",
        asks("fleet_cancel", **_payload(work_item_id="speed", wait_seconds=0)),
        _busy,
    ),
    ("fleet-retry", asks("fleet_retry", **_payload(work_item_id="sort")), _busy),
    ("fleet-hosts", asks("fleet_hosts"), _busy),
    ("fleet-drain", asks("fleet_drain", **_payload(host=HOST, note="kernel")), _nothing),
    ("fleet-workspaces", asks("fleet_workspaces"), _busy),
    ("fleet-forget", asks("fleet_forget", workspace_ref=_FLEET), _nothing),
    (
        "fleet-pause",
        asks("fleet_pause", workspace_ref=_FLEET, **_payload(note="release", for_seconds=60)),
        _nothing,
    ),
    ("fleet-resume", asks("fleet_resume", workspace_ref=_FLEET), _nothing),
    ("fleet-schedules", asks("fleet_schedules"), _scheduled),
    ("fleet-schedules-add", asks("fleet_schedules", **_NIGHTLY), _nothing),
    ("fleet-prune", asks("fleet_prune", **_payload(older_than_seconds=0)), _nothing),
    (
        "fleet-submit-conflict",
        asks("fleet_submit", **{**_TASK, "input": {"text": "Make it red"}}),
        _completed,
    ),
    (
        "fleet-submit-unknown-workspace",
        asks("fleet_submit", **{**_TASK, "workspace_ref": {"workspace_id": "nowhere"}}),
        _nothing,
    ),
    ("fleet-show-unknown", asks("fleet_show", **_payload(id="nothing")), _busy),
    ("fleet-retry-of-a-running-item", asks("fleet_retry", **_payload(id="speed")), _busy),
    ("fleet-unreachable", asks("fleet_list"), _fails(_AWAY)),
    ("fleet-not-installed", asks("fleet_hosts"), _fails(_NOT_INSTALLED)),
    ("fleet-not-configured", asks("fleet_workspaces"), _fails(_NOT_CONFIGURED)),
    (
        "fleet-on-a-local-workspace",
        asks("fleet_list", workspace_ref={"runtime_kind": "local"}),
        _nothing,
    ),
)
