"""A server in a thread on a scripted Millrace, with an event log of one item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millracer.ports import Agent, Backend
from millracer.testing.agent import ScriptedAgent
from millracer.wiring import open_event_logs
from millracer.wiring.tool_factory import PortFactory
from tests.support.serving import Client, LiveBackend, serving


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of the test."""
    folder = tmp_path / "state"
    monkeypatch.setenv("MILLRACER_STATE_DIR", str(folder))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "millrace-agents").mkdir(parents=True)
    (folder / ".millracer").mkdir()
    return folder


@pytest.fixture
def backend(workspace: Path) -> LiveBackend:
    return LiveBackend(workspace=str(workspace))


@pytest.fixture
def tools(backend: Backend) -> PortFactory:
    def agent(*_: object) -> Agent:
        return ScriptedAgent()

    return PortFactory(backends=lambda *_: backend, agents=agent, logs=open_event_logs)


@pytest.fixture
def client(tools: PortFactory, workspace: Path) -> Iterator[Client]:
    with serving(tools, workspace) as running:
        yield running


@pytest.fixture
def reader(tools: PortFactory, workspace: Path) -> Iterator[Client]:
    """A read-only server."""
    with serving(tools, workspace, read_only=True) as running:
        yield running
