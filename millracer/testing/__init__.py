"""Scripted implementations of the ports, for tests: a backend, an agent, a clock, a client.

They start no process and touch no file. A script says what happens; a call that the script does
not foresee raises `AssertionError`.
"""

from __future__ import annotations

from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.client import client
from millracer.testing.clock import FrozenClock

__all__ = ["FrozenClock", "ScriptedAgent", "ScriptedBackend", "client"]
