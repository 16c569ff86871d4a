"""`millracer fleet ps --watch` survives a short outage of the database, and ends in a long one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from millracer.cancellation import CancelReason
from millracer.cli.commands.fleet import lists
from millracer.cli.options.common import CommonOptions
from millracer.domain.operations.fleet_requests import FleetListRequest
from millracer.errors import FleetUnreachable
from millracer.operations.fleet import follow
from tests.support.fleet_scene import FleetScene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> FleetScene:
    """A fleet that the command reads without a pause."""
    scene = FleetScene()

    def context_of(_common: object, _memory: object, cancellation: Any) -> Any:
        scene.cancellation = cancellation
        return scene.context

    monkeypatch.setattr(lists, "context_of", context_of)
    monkeypatch.setattr(lists, "_POLL_SECONDS", 0.0)
    return scene


def watch(scene: FleetScene) -> int:
    common = cast("CommonOptions", SimpleNamespace(programs=ExitStack()))
    return lists.watch(common, FleetListRequest(), as_json=True)


def test_a_short_outage_is_reported_once_and_survived(
    scene: FleetScene, capfd: pytest.CaptureFixture[str]
) -> None:
    reads = 0

    def before(name: str) -> None:
        nonlocal reads
        reads += name == "list_items"
        if name == "list_items" and 2 <= reads <= 4:
            raise FleetUnreachable("the database does not answer", suggested_action="wait")
        if reads == 5:
            scene.fleet.before = lambda _: None
            scene.add()
            scene.fleet.before = before
        if reads == 6:
            scene.cancellation.cancel(CancelReason.INTERRUPTED)

    scene.fleet.before = before
    exit_code = watch(scene)
    printed = capfd.readouterr()

    assert exit_code == 130
    assert [len(json.loads(line)["items"]) for line in printed.out.splitlines()] == [0, 1]
    assert printed.err.count("the database does not answer") == 1


def test_a_long_outage_ends_the_list_with_its_error(
    scene: FleetScene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_OUTAGE_SECONDS", -1.0)
    reads = 0

    def before(_name: str) -> None:
        nonlocal reads
        reads += 1
        if reads > 1000:
            scene.cancellation.cancel(CancelReason.INTERRUPTED)
        if reads > 1:
            raise FleetUnreachable("the database does not answer", suggested_action="wait")

    scene.fleet.before = before
    assert watch(scene) == 8
    last = json.loads(capfd.readouterr().out.partition("\n")[2])
    assert [each["code"] for each in last["errors"]] == ["fleet_unreachable"]
