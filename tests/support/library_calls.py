"""Tools for the library's tests: a pi and a Millrace that are scripts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from millracer import RoutePreference, RunOptions

_CHILDREN = Path(__file__).parents[1] / "children"

#: Does what the last word of a task says.
PI = shlex.join((sys.executable, str(_CHILDREN / "pi_told.py")))
#: Prints a status, the one that HOSTILE_STATUS names.
MILLRACE = shlex.join((sys.executable, str(_CHILDREN / "hostile_millrace.py")))
#: How a task is done by pi alone.
DIRECT = RunOptions(route=RoutePreference.DIRECT, no_default_skills=True)
