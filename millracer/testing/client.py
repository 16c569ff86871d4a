"""A client on scripted programs.

    with client(ScriptedAgent("the answer")) as millracer:
        result = millracer.run("a question", route="direct")

Tests of code that takes a `Client` need neither pi nor Millrace.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from millracer.api.client import Client
from millracer.domain.run.options import RunOptions
from millracer.ports import Agent, Backend
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend


def client(
    *agents: Agent,
    backend: Backend | None = None,
    workspace: str | os.PathLike[str] = ".",
    **options: Any,
) -> Client:
    """Return a client that starts no process.

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

    return Client(workspace, backends=lambda *_: scripted, agents=next_agent, **options)
