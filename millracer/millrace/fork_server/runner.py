"""Run Millrace's commands in forks of one process that has already imported Millrace.

A command takes the code path of the command line, but saves the second that a start costs. If the
install, the process or the command is not as expected, the command is run as a plain process, and
the caller sees no difference. On macOS all commands are plain processes, because forking a process
with loaded libraries is unsafe there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.trace_context import TRACE_VARIABLES
from millracer.millrace.commands.install import FileStamp, MillraceInstall, find_install
from millracer.millrace.commands.runner import CommandRunner
from millracer.millrace.commands.version import is_supported
from millracer.millrace.fork_server.client import CommandRefused, WarmProcess, WarmUnusable
from millracer.system import processes as process
from millracer.system.linux import can_fork_loaded
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command, Completed

#: The pause before the next warm process after one that failed.
_PAUSE_SECONDS = 60.0
#: The warm process's working directory: a workspace may be removed before the next command.
_WORKING_DIRECTORY = Path("/")

#: Variables of which each forked command has its own values.
_OF_ONE_COMMAND = frozenset({TOKEN_VARIABLE, *TRACE_VARIABLES})

_Stamp = tuple[FileStamp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Warm:
    """A warm process, and the program and install that it serves."""

    program: Command
    install: MillraceInstall
    stamp: _Stamp
    process: WarmProcess

    def fits(self, command: Command) -> bool:
        """Whether the command has this program and this environment.

        The token and the trace may differ: each command gets its own.
        """
        count = len(self.program.argv)
        return command.argv[:count] == self.program.argv and _shared_environment(
            command.env
        ) == _shared_environment(self.program.env)


class ForkServerRunner(CommandRunner):
    """Keeps one warm Millrace from `warm_up` to `close`; thread-safe.

    Commands before `warm_up`, or with another program or environment, run as plain processes. After
    a failure, only a later `warm_up` starts another warm process, and not before a pause.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warm: _Warm | None = None
        self._retired: list[WarmProcess] = []
        self._not_before: dict[_Stamp, float] = {}
        self._is_closed = False

    def warm_up(self, program: Command) -> None:
        """Start to import Millrace; does nothing if the import has started or is not possible."""
        with self._lock:
            if self._warm is None and not self._is_closed and can_fork_loaded():
                self._warm = self._start(program)

    def run(self, command: Command, wait: Wait) -> Completed:
        """See `process.run`."""
        warm = self._find_warm(command)
        if warm is not None:
            try:
                warm.process.wait_ready(wait)
                return warm.process.run(command, _list_arguments(warm, command), wait)
            except CommandRefused:
                pass
            except WarmUnusable:
                self._discard(warm)
        return process.run(command, wait)

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """See `process.spawn_detached`; the forked command outlives Millracer."""
        wait.cancellation.raise_if_cancelled()
        warm = self._find_warm(command)
        if warm is not None:
            try:
                warm.process.wait_ready(wait)
                return warm.process.spawn_detached(
                    command, _list_arguments(warm, command), output, wait
                )
            except CommandRefused:
                pass
            except WarmUnusable:
                self._discard(warm)
        return process.spawn_detached(command, output)

    def close(self) -> None:
        """End the warm Millrace; daemons that it forked continue."""
        with self._lock:
            ended, self._retired = self._retired, []
            if self._warm is not None:
                ended.append(self._warm.process)
            self._warm, self._is_closed = None, True
        for each in ended:
            each.close()

    def _start(self, program: Command) -> _Warm | None:
        install = find_install(program.argv, program.env or {})
        if install is None or not install.script.is_absolute():
            return None
        stamp, module = install.stamp(), install.entry_module()
        if module is None or stamp is None:
            return None
        if (
            not is_supported(install.version)
            or install.missing_modules
            or _has_relative_path(program)
        ):
            return None
        if time.monotonic() < self._not_before.get(stamp, 0.0):
            return None
        try:
            warm_process = WarmProcess(install, module, replace(program, cwd=_WORKING_DIRECTORY))
        except (OSError, RuntimeError):  # no descriptors left, or no threads
            return None
        return _Warm(program=program, install=install, stamp=stamp, process=warm_process)

    def _find_warm(self, command: Command) -> _Warm | None:
        """Return the warm process for a command; if its install has changed, start another.

        The former process finishes its running commands, as plain processes would.
        """
        with self._lock:
            warm = self._warm
            if warm is None or not warm.fits(command):
                return None
            if warm.install.stamp() == warm.stamp:
                return warm
            self._warm = self._start(warm.program)
            self._retired = [each for each in self._retired if not each.is_closed]
            self._retired.append(warm.process)
        warm.process.retire()
        return None

    def _discard(self, warm: _Warm) -> None:
        with self._lock:
            if self._warm is warm:
                self._not_before[warm.stamp] = time.monotonic() + _PAUSE_SECONDS
                self._warm = None
        warm.process.close()


def _list_arguments(warm: _Warm, command: Command) -> tuple[str, ...]:
    return command.argv[len(warm.program.argv) :]


def _shared_environment(env: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (env or {}).items() if name not in _OF_ONE_COMMAND}


def _has_relative_path(program: Command) -> bool:
    """Whether the program's imports depend on its working directory."""
    python_path = (program.env or {}).get("PYTHONPATH", "")
    return python_path != "" and not all(map(os.path.isabs, python_path.split(os.pathsep)))
