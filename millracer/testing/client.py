"""A client on scripted programs.

    with client(ScriptedAgent("the answer")) as millracer:
        result = millracer.run("a question", route="direct")

Tests of code that takes a `Client` need neither pi nor Millrace.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from millracer.api.client import Client
from millracer.domain.run.options import RunOptions
from millracer.event_log.logs import FileEventLogs
from millracer.ports import Agent, Backend, EventLogs
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend


def client(
    *agents: Agent,
    backend: Backend | None = None,
    workspace: str | os.PathLike[str] = ".",
    **options: Any,
) -> Client:
    """Return a client that starts no process and stores events in a temporary folder.

    Args:
        agents: the agents of the runs, in order. A further run gets an agent without a script,
            which fails the test if it is asked.
        backend: the Millrace of the workspace; None: a new `ScriptedBackend`.
        workspace: any existing directory; it is not used.
        options: as for `Client`.
    """
    scripted = ScriptedBackend() if backend is None else backend
    waiting = deque(agents)

    def next_agent(_root_path: str, _options: RunOptions) -> Agent:
        return waiting.popleft() if waiting else ScriptedAgent()

    return _ScriptedClient(workspace, backends=lambda *_: scripted, agents=next_agent, **options)


class _ScriptedClient(Client):
    """Removes its event logs when it is closed or is no longer used."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._folder = Path(mkdtemp(prefix="millracer-"))
        self._remove = weakref.finalize(self, rmtree, self._folder, ignore_errors=True)

    def close(self) -> None:
        """See `Client`."""
        super().close()
        self._remove()

    def _open_event_logs(self, root_path: str) -> EventLogs | None:
        del root_path
        return FileEventLogs(self._folder / "items")
