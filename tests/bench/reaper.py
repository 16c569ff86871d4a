"""Runs one command and says what it and all that it started have cost; a program of its own.

    python -m tests.bench.reaper RESULT LIMIT_SECONDS COMMAND...

It is the subreaper of what it starts: a daemon that leaves its parent becomes its child, so the
kernel's own accounts have everything. SIGTERM is passed on to the command. What the command left
running when it ended is counted so far, and ended by its pid.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.bench.processes import cpu_seconds, tree

_SET_CHILD_SUBREAPER = 36
_PATIENCE_SECONDS = 3.0


def main() -> None:
    """Run the command line's command and write its result."""
    result, limit, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this system has no subreapers")
    timed_out = False

    def give_up(number: int, frame: object) -> None:
        del number, frame
        nonlocal timed_out
        timed_out = True
        os.kill(process.pid, signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(process.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, 20.0)

    began = time.monotonic()
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(process.pid, signal.SIGTERM))
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, float(limit))
    exit_code = _reap_until(process.pid)
    wall = time.monotonic() - began
    signal.setitimer(signal.ITIMER_REAL, 0)
    left = [each for each in tree(os.getpid()) if each.pid != os.getpid()]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = {
        "wall_seconds": wall,
        "cpu_seconds": ended.ru_utime + ended.ru_stime + cpu_seconds(left),
        "exit_code": exit_code,
        "left_running": len(left),
        "timed_out": timed_out,
    }
    _end_all()
    Path(result).write_text(json.dumps(document), encoding="utf-8")


def _reap_until(wanted: int) -> int:
    """Wait for whatever ends, until it is the wanted process; return how that ended."""
    while True:
        pid, status = os.wait()
        if pid == wanted:
            return os.waitstatus_to_exitcode(status)


def _end_all() -> None:
    """End and reap every descendant: politely at first, so that each can end its own."""
    limit = time.monotonic() + _PATIENCE_SECONDS
    asked: set[int] = set()
    while left := [each.pid for each in tree(os.getpid()) if each.pid != os.getpid()]:
        patient = time.monotonic() < limit
        for pid in left:
            if patient and pid in asked:
                continue
            asked.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if patient else signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.05)


if __name__ == "__main__":
    main()
