"""Outputs without a reader, and commands that they block."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Within this a command ends on SIGTERM, with everything it started.
_END_SECONDS = 20
_WORK_SECONDS = 150
_SMALLEST_PIPE = 4096


@dataclass(frozen=True, slots=True)
class Unread:
    """A descriptor to write to, and where a reader would read."""

    writer: int
    reader: int

    def read(self) -> bytes:
        """Return what can be read by now."""
        os.set_blocking(self.reader, False)
        with suppress(BlockingIOError):
            return os.read(self.reader, 1 << 20)
        return b""


@contextmanager
def full_pipe() -> Iterator[Unread]:
    """Yield a pipe that takes nothing until it is read."""
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
        os.write(writer, b"." * _SMALLEST_PIPE)
        yield Unread(writer, reader)
    finally:
        os.close(writer)
        os.close(reader)


@contextmanager
def stopped_terminal() -> Iterator[Unread]:
    """Yield a terminal on which Ctrl-S was pressed."""
    reader, writer = pty.openpty()
    try:
        termios.tcsetwinsize(writer, (40, 100))
        termios.tcflow(writer, termios.TCOOFF)
        yield Unread(writer, reader)
    finally:
        os.close(writer)
        os.close(reader)


@dataclass(frozen=True, slots=True)
class Held:
    """A command that runs."""

    process: subprocess.Popen[bytes]

    def writes_to(self, descriptor: int) -> bool:
        """Whether one of its threads waits in a call on a descriptor."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):
                call = (task / "syscall").read_text(encoding="ascii").split()
                if call[1:2] == [hex(descriptor)]:
                    return True
        return False

    @property
    def children(self) -> list[psutil.Process]:
        """What it started and has not ended."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        return [each for each in started if each.status() != psutil.STATUS_ZOMBIE]

    def end(self, number: signal.Signals) -> int:
        """Send one signal and return the exit code; it has to end in time."""
        self.process.send_signal(number)
        return self.process.wait(_END_SECONDS)

    def ended(self) -> int:
        """Wait until it ends by itself and return the exit code."""
        return self.process.wait(_WORK_SECONDS)


@contextmanager
def started(
    *arguments: str,
    stdin: bytes = b"",
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
    cwd: Path,
    environment: Mapping[str, str],
) -> Iterator[Held]:
    """Start `millracer`; what is left of it ends with the block."""
    process = subprocess.Popen(
        (sys.executable, "-m", "millracer", *arguments),
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", **environment},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(stdin)
        process.stdin.close()
        yield Held(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
