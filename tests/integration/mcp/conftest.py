"""The MCP server in this process, on a scripted Millrace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp.server.lowlevel.server import Server

from millracer.cancellation import Cancellation
from millracer.domain.workspaces import Resolution, ResolutionRule
from millracer.errors import MillracerError
from millracer.mcp.actions import Actions
from millracer.mcp.places import OnePlace
from millracer.mcp.server import ToolServer, make_server
from millracer.mcp.tasks import add_tasks
from millracer.mcp.tools import offered
from millracer.operations.context import SelectedWorkspace
from millracer.operations.options import OptionLayers
from millracer.testing.agent import ScriptedAgent
from millracer.wiring import open_event_logs
from millracer.wiring.tool_factory import PortFactory
from tests.support.serving import LiveBackend

#: Returns a new server, as a host starts one.
MakeServer = Callable[..., Server[Any]]


@dataclass
class NotedRuns:
    """A runner that notes the items that it should run."""

    items: list[str] = field(default_factory=list)

    def run(self, _place: SelectedWorkspace, item_id: str) -> None:
        self.items.append(item_id)

    def is_starting(self, _place: SelectedWorkspace, item_id: str) -> bool:
        return item_id in self.items


def unexpected(error: Exception) -> MillracerError:
    raise error


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
def runs() -> NotedRuns:
    return NotedRuns()


@pytest.fixture
def make(backend: LiveBackend, workspace: Path, runs: NotedRuns) -> MakeServer:
    def make(*, allow_control: bool = False, **options: object) -> Server[Any]:
        resolution = Resolution(rule=ResolutionRule.CWD, root_path=str(workspace))
        actions = Actions(
            tools=PortFactory(
                backends=lambda *_: backend,
                agents=lambda *_: ScriptedAgent(),
                logs=open_event_logs,
            ),
            options=OptionLayers(given=options),
            places=OnePlace(
                SelectedWorkspace(root_path=str(workspace), resolution=resolution),
            ),
            runner=runs,
            cancellation=Cancellation(),
        )
        tools = ToolServer(actions, offered(allow_control=allow_control), unexpected)
        server = make_server(tools)
        add_tasks(server, tools)
        return server

    return make
