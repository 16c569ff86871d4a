"""Scripted implementations of the ports, for tests: a backend, an agent, a clock, a client.

They start no process and touch no file. A script says what happens; a call that the script does
not foresee raises `AssertionError`. `client` returns a library client on them. The other functions
return the steps that `ScriptedBackend.will_show` takes.
"""

from __future__ import annotations

from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.client import client
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import (
    daemon_boots,
    daemon_dies,
    daemon_is_stopped,
    due_poll,
    item_ends,
    item_goes,
    nothing_new,
    stage_runs,
    then,
    time_runs_out,
    workspace_paused,
)

__all__ = [
    "FrozenClock",
    "ScriptedAgent",
    "ScriptedBackend",
    "client",
    "daemon_boots",
    "daemon_dies",
    "daemon_is_stopped",
    "due_poll",
    "item_ends",
    "item_goes",
    "nothing_new",
    "stage_runs",
    "then",
    "time_runs_out",
    "workspace_paused",
]
