"""What runs delegated items: in this server, or in one process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.requests import Finalizer
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import Resolution, ResolutionRule
from millracer.mcp.runners import DetachedRunner, HereRunner
from millracer.operations.context import SelectedWorkspace
from millracer.operations.options import OptionLayers
from millracer.testing.agent import ScriptedAgent
from millracer.testing.steps import item_ends
from millracer.wiring import open_event_logs
from millracer.wiring.tool_factory import PortFactory
from tests.support.serving import LiveBackend

ITEM = "fix-it-0123456789abcdef0123"


@pytest.fixture
def place(workspace: Path) -> SelectedWorkspace:
    resolution = Resolution(rule=ResolutionRule.CWD, root_path=str(workspace))
    return SelectedWorkspace(root_path=str(workspace), resolution=resolution)


def test_an_item_that_runs_here_ends_before_the_server(
    backend: LiveBackend, place: SelectedWorkspace
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    backend.has_daemon()
    backend.will_show(item_ends())
    tools = PortFactory(
        backends=lambda *_: backend, agents=lambda *_: ScriptedAgent(), logs=open_event_logs
    )
    options = OptionLayers(given={"finalizer": Finalizer.SUMMARY})
    runner = HereRunner(tools, options, Cancellation())

    runner.run(place, ITEM)
    runner.await_end()

    assert backend.items[ITEM].state is ItemState.DONE


def test_an_item_is_run_by_one_process(
    place: SelectedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        "millracer.mcp.runners.start_watcher", lambda *arguments: started.append(arguments)
    )
    runner = DetachedRunner(options=("--model", "p/m"))
    writer = open_event_logs(place.root_path).write(ITEM)
    assert writer is not None

    runner.run(place, ITEM)
    is_refused = started == []
    writer.close()
    was_starting = runner.is_starting(place, ITEM)
    runner.run(place, ITEM)

    assert (is_refused, was_starting) == (True, False)
    assert runner.is_starting(place, ITEM)
    ((root, item_id, words),) = started
    assert (root, item_id) == (place.root_path, ITEM)
    assert words[-4:] == ("-w", place.root_path, "--model", "p/m")
