"""Runs Millrace's commands in forks of one process that has imported Millrace already.

The same code path as the command line without the second that its start costs. Whatever is not as
expected of the install, the process or a command, the command is run as a plain process, and the
caller does not notice.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from millracer.adapters import process
from millracer.adapters.command_runner import CommandRunner
from millracer.adapters.millrace_install import FileStamp, MillraceInstall, find_install
from millracer.adapters.millrace_version import is_supported
from millracer.adapters.process import TOKEN_VARIABLE, Command, Completed
from millracer.adapters.warm_process import CommandRefused, WarmProcess, WarmUnusable
from millracer.waiting import Wait

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
        return (
            command.argv[:count] == self.program.argv
            and command.stdin is None
            and _without_token(command.env) == _without_token(self.program.env)
        )


class WarmRunner(CommandRunner):
    """Keeps one warm Millrace from `warm_up` to `close`; safe from any thread.

    Commands before `warm_up`, and of another program or environment, are plain processes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warm: _Warm | None = None
        self._failed: set[_Stamp] = set()
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
                return warm.process.spawn_detached(command, _arguments(warm, command), output)
            except CommandRefused:
                pass
            except WarmUnusable:
                self._give_up(warm)
                _end_begun(warm, command)
        return process.spawn_detached(command, output)

    def close(self) -> None:
        """End the warm Millrace; daemons that it forked go on."""
        with self._lock:
            warm, self._warm, self._is_closed = self._warm, None, True
        if warm is not None:
            warm.process.close()

    def _started(self, program: Command) -> _Warm | None:
        install = find_install(program.argv, program.env or {})
        if install is None or not install.script.is_absolute():
            return None
        stamp, module = install.stamp(), install.entry_module()
        if module is None or stamp is None or stamp in self._failed:
            return None
        if not is_supported(install.version) or install.missing_modules:
            return None
        return _Warm(
            program=program,
            install=install,
            stamp=stamp,
            process=WarmProcess(install, module, program),
        )

    def _for(self, command: Command) -> _Warm | None:
        """Return the warm process for a command; one whose install changed is begun anew."""
        with self._lock:
            warm = self._warm
            if warm is None or not warm.fits(command):
                return None
            if warm.install.stamp() == warm.stamp:
                return warm
            self._warm = self._started(warm.program)
        warm.process.close()
        return None

    def _give_up(self, warm: _Warm) -> None:
        with self._lock:
            self._failed.add(warm.stamp)
            if self._warm is warm:
                self._warm = None
        warm.process.abandon()


def _arguments(warm: _Warm, command: Command) -> tuple[str, ...]:
    return command.argv[len(warm.program.argv) :]


def _without_token(env: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (env or {}).items() if name != TOKEN_VARIABLE}


def _end_begun(warm: _Warm, command: Command) -> None:
    """End what may have been forked without our hearing of it, by a token of the command's own."""
    token = (command.env or {}).get(TOKEN_VARIABLE)
    if token is not None and token != (warm.program.env or {}).get(TOKEN_VARIABLE):
        process.end_token(token, grace_seconds=0.0)
