"""Decide between Linux's own system calls and their portable twins.

Modules that need a call of Linux only (inotify, pidfd, prctl, `/proc`) check `has_linux_calls` and
have a twin for every other POSIX system.
"""

from __future__ import annotations

import os
import sys

#: For tests: if set, the portable twins are used on Linux too.
PORTABLE_VARIABLE = "MILLRACER_TEST_PORTABLE"


def has_linux_calls() -> bool:
    """Whether to use Linux's own system calls."""
    return sys.platform == "linux" and PORTABLE_VARIABLE not in os.environ


def can_fork_loaded() -> bool:
    """Whether a process that has loaded a program's modules may fork without exec.

    Not on macOS: its system libraries start threads, and a forked child that uses them may crash.
    """
    return sys.platform != "darwin"
