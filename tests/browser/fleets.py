"""A fleet on the stub server: two hosts, and an item in each state."""

from __future__ import annotations

from typing import Any

from tests.browser.documents import Document, ago
from tests.browser.stub import World

RUNNING, WAITING, AWAY, ASIDE, ENDED = (
    "fix-header-9c2683d098569558d092",
    "sort-list-663115839c4b84716fff",
    "speed-up-54772f691ab9d4bfcd55",
    "odd-one-82fc47119e0dadea490e",
    "write-docs-0a1b2c3d4e5f60718293",
)


def fleet_item(item_id: str, state: str, **more: Any) -> Document:
    return {
        "work_item_id": item_id,
        "workspace_id": "shop",
        "host": "ci-1",
        "label": None,
        "state": state,
        "why": "",
        "reason": None,
        "reason_subject": "",
        "priority": 100,
        "submitted_by": "ann",
        "submitted_at": ago(600),
        "not_before": None,
        "dispatch": 1,
        "attempts": 0,
        "epoch": None,
        "claimed_at": None,
        "cancel_requested_at": None,
        "progress": None,
        "ended_at": None,
        "outcome": None,
        "completed": None,
        "host_seen_at": ago(1),
        "host_away": False,
        **more,
    }


def host(name: str, **more: Any) -> Document:
    return {
        "host": name,
        "role": name,
        "version": "0.5.0",
        "slots": 2,
        "draining": False,
        "note": "",
        "running": [],
        "queued": 0,
        "started_at": ago(7200),
        "seen_at": ago(1),
        "away": False,
        **more,
    }


def workspace(name: str, on: str, **more: Any) -> Document:
    return {
        "workspace_id": name,
        "host": on,
        "root": f"/srv/{name}",
        "identity": "6f1b0c1e-8f0e-4a55-9a5e-2f6f4b1f0a11",
        "labels": [],
        "epoch": 3,
        "running": None,
        "queued": 0,
        "paused": False,
        "note": "",
        "paused_until": None,
        **more,
    }


def running() -> Document:
    progress = {"stage": "checker", "message": "the checker runs", "sequence": 12, "at": ago(20)}
    return fleet_item(
        RUNNING, "running", attempts=1, epoch=3, claimed_at=ago(252), progress=progress
    )


def waiting() -> Document:
    return fleet_item(
        WAITING,
        "queued",
        why=f"workspace busy: {RUNNING}",
        reason="workspace_busy",
        reason_subject=RUNNING,
    )


def set_aside() -> Document:
    why = f"its host ended while the item ran, 11 times; `millracer fleet retry {ASIDE}`"
    return fleet_item(ASIDE, "set_aside", workspace_id="api", host="ci-2", attempts=11, why=why)


def ended(**more: Any) -> Document:
    fields = {"attempts": 2, "epoch": 2, "ended_at": ago(60), **more}
    return fleet_item(ENDED, "ended", **fields)


def overview(**more: Any) -> Document:
    away = fleet_item(
        AWAY,
        "queued",
        workspace_id="api",
        host="ci-2",
        why="host away since 2026-11-30 09:14Z; `millracer fleet hosts`",
        reason="host_away",
        host_away=True,
    )
    items = more.pop("items", [running(), waiting(), away, set_aside()])
    return {
        "schema_version": "millracer.fleet.overview.v1",
        "hosts": [host("ci-1", running=[RUNNING], queued=1), host("ci-2", away=True, queued=1)],
        "workspaces": [
            workspace("api", "ci-2", queued=1),
            workspace("shop", "ci-1", running=RUNNING, queued=1, labels=["python"]),
        ],
        "items": items,
        "total": len(items),
        "ended": [ended(outcome="completed", completed=True)],
        **more,
    }


def shown(item: Document, **more: Any) -> Document:
    return {
        "schema_version": "millracer.fleet.item.v1",
        "warnings": [],
        "errors": [],
        "next_steps": [],
        "item": item,
        "request": {"action": "enqueue", "input": {"text": "Fix the header"}},
        "result": None,
        "certificate": None,
        "signed_certificate": None,
        "refused": [],
        **more,
    }


def control(outcome: str, message: str, item: Document | None = None) -> Document:
    return {
        "schema_version": "millracer.fleet.control.v1",
        "warnings": [],
        "errors": [],
        "next_steps": [],
        "command": "fleet_cancel",
        "outcome": outcome,
        "message": message,
        "subject": None,
        "item": item,
        "count": None,
    }


def add_fleet(world: World) -> None:
    """Give a world a fleet."""
    world.documents["/board"] = {**world.documents["/board"], "has_fleet": True}
    world.documents["/fleet"] = overview()
    for item in (*overview()["items"], *overview()["ended"]):
        world.documents[f"/fleet/items/{item['work_item_id']}"] = shown(item)
