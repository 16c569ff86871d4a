"""Runs Millrace's commands in forks of one process that has imported Millrace already.

The same code path as the command line without the second that its start costs. Whatever is not as
expected of the install, the process or a command, the command is run as a plain process, and the
caller does not notice.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.cancellation import Wait
from millracer.millrace.commands.install import FileStamp, MillraceInstall, find_install
from millracer.millrace.commands.runner import CommandRunner
from millracer.millrace.commands.version import is_supported
from millracer.millrace.fork_server.client import CommandRefused, WarmProcess, WarmUnusable
from millracer.system import processes as process
from millracer.system.processes import TOKEN_VARIABLE, Command, Completed

#: Where a warm Millrace went wrong, the next is not begun sooner.
_PAUSE_SECONDS = 60.0
#: It is started here: a workspace may be gone by the next command.
_ANYWHERE = Path("/")

_Stamp = tuple[FileStamp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Warm:
    """A warm process, and what it is good for."""

    program: Command
    install: MillraceInstall
    stamp: _Stamp
    process: WarmProcess

    def fits(self, command: Command) -> bool:
        """Whether it is a command of this program in this environment, but for our token."""
        count = len(self.program.argv)
        return command.argv[:count] == self.program.argv and _without_token(
            command.env
        ) == _without_token(self.program.env)


class ForkServerRunner(CommandRunner):
    """Keeps one warm Millrace from `warm_up` to `close`; safe from any thread.

    Commands before `warm_up`, and of another program or environment, are plain processes. After one
    that went wrong `warm_up` begins another in a while; nothing else does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warm: _Warm | None = None
        self._retired: list[WarmProcess] = []
        self._not_before: dict[_Stamp, float] = {}
        self._is_closed = False

    def warm_up(self, program: Command) -> None:
        """Start to import Millrace; does nothing where that was begun, or cannot be."""
        with self._lock:
            if self._warm is None and not self._is_closed:
                self._warm = self._started(program)

    def run(self, command: Command, wait: Wait) -> Completed:
        """See `process.run`."""
        warm = self._for(command)
        if warm is not None:
            try:
                warm.process.wait_ready(wait)
                return warm.process.run(command, _arguments(warm, command), wait)
            except CommandRefused:
                pass
            except WarmUnusable:
                self._give_up(warm)
        return process.run(command, wait)

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """See `process.spawn_detached`; what is forked belongs to nobody once we have ended."""
        wait.cancellation.raise_if_cancelled()
        warm = self._for(command)
        if warm is not None:
            try:
                warm.process.wait_ready(wait)
                return warm.process.spawn_detached(command, _arguments(warm, command), output, wait)
            except CommandRefused:
                pass
            except WarmUnusable:
                self._give_up(warm)
        return process.spawn_detached(command, output)

    def close(self) -> None:
        """End the warm Millrace; daemons that it forked go on."""
        with self._lock:
            ended, self._retired = self._retired, []
            if self._warm is not None:
                ended.append(self._warm.process)
            self._warm, self._is_closed = None, True
        for each in ended:
            each.close()

    def _started(self, program: Command) -> _Warm | None:
        install = find_install(program.argv, program.env or {})
        if install is None or not install.script.is_absolute():
            return None
        stamp, module = install.stamp(), install.entry_module()
        if module is None or stamp is None:
            return None
        if not is_supported(install.version) or install.missing_modules or _looks_here(program):
            return None
        if time.monotonic() < self._not_before.get(stamp, 0.0):
            return None
        try:
            begun = WarmProcess(install, module, replace(program, cwd=_ANYWHERE))
        except (OSError, RuntimeError):  # no descriptors left, or no threads
            return None
        return _Warm(program=program, install=install, stamp=stamp, process=begun)

    def _for(self, command: Command) -> _Warm | None:
        """Return the warm process for a command; one whose install changed is begun anew.

        What the former one does it does to its end: a plain process would, too.
        """
        with self._lock:
            warm = self._warm
            if warm is None or not warm.fits(command):
                return None
            if warm.install.stamp() == warm.stamp:
                return warm
            self._warm = self._started(warm.program)
            self._retired = [each for each in self._retired if not each.is_closed]
            self._retired.append(warm.process)
        warm.process.retire()
        return None

    def _give_up(self, warm: _Warm) -> None:
        with self._lock:
            if self._warm is warm:
                self._not_before[warm.stamp] = time.monotonic() + _PAUSE_SECONDS
                self._warm = None
        warm.process.close()


def _arguments(warm: _Warm, command: Command) -> tuple[str, ...]:
    return command.argv[len(warm.program.argv) :]


def _without_token(env: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (env or {}).items() if name != TOKEN_VARIABLE}


def _looks_here(program: Command) -> bool:
    """Whether what it imports depends on the directory that it is run in."""
    searched = (program.env or {}).get("PYTHONPATH", "")
    return searched != "" and not all(map(os.path.isabs, searched.split(os.pathsep)))
