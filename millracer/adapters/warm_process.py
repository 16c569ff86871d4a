"""Our end of the warm Millrace: one process that forks a child for each command.

`warm_millrace_server.py` is the other end and tells the protocol. Where this end raises, nothing of
the command runs any more, so that it can be run plainly.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from millracer.adapters import process
from millracer.adapters.millrace_install import MillraceInstall
from millracer.adapters.process import TOKEN_VARIABLE, Command, Completed
from millracer.errors import ToolError
from millracer.waiting import Wait

_SERVER = Path(__file__).with_name("warm_millrace_server.py")
_READY = b"ready\n"
_LENGTH = struct.Struct("!I")
_SLICE_SECONDS = 0.1
#: A start on a loaded machine takes this long; what takes longer hangs.
_IMPORT_SECONDS = 6.0
#: Between a request and the word that its child runs: a fork.
_FORK_SECONDS = 5.0
_END_SECONDS = 1.0
_GRACE_SECONDS = 1.0
_CHUNK_BYTES = 65536
#: Room in which a child writes its own command line: `/proc` shows the one of its parent.
_ROOM = " " * 8192


class WarmUnusable(Exception):
    """The warm process is not what it should be."""


class CommandRefused(Exception):
    """This command cannot be done warm; others can."""


class WarmProcess:
    """One warm Millrace; its start is not waited for.

    Args:
        install: what it is for.
        module: the module that the console script imports.
        program: the command without arguments: its environment and working directory.
    """

    def __init__(self, install: MillraceInstall, module: str, program: Command) -> None:
        self._limit = time.monotonic() + _IMPORT_SECONDS
        env = dict(os.environ if program.env is None else program.env)
        self._is_marked = TOKEN_VARIABLE not in env
        self._token = env.setdefault(TOKEN_VARIABLE, process.new_token())
        self._child: subprocess.Popen[bytes] | None = None
        self._settled = threading.Event()
        self._is_usable = False
        self._is_closed = False
        self._requests = threading.Lock()
        self._control, theirs = socket.socketpair()
        command = Command(
            tool=program.tool,
            argv=(
                *(str(install.interpreter), str(_SERVER), str(theirs.fileno()), str(os.getpid())),
                *(str(install.script), module, TOKEN_VARIABLE, _ROOM),
            ),
            cwd=program.cwd,
            env=env,
            pass_fds=(theirs.fileno(),),
        )
        # It dies with the thread that starts it, so that thread stays with it.
        self._keeper = threading.Thread(
            target=self._keep, args=(command, theirs), name="warm-millrace", daemon=True
        )
        self._keeper.start()

    def wait_ready(self, wait: Wait) -> None:
        """Wait until commands can be given, as long as a plain start might take.

        Raises:
            CommandRefused: the wait is over.
            WarmUnusable: it takes no commands.
            Cancelled: the caller asked to stop.
        """
        while not self._settled.wait(_SLICE_SECONDS):
            wait.cancellation.raise_if_cancelled()
            if time.monotonic() >= self._limit:
                raise WarmUnusable
            if wait.expired:
                raise CommandRefused
        if not self._is_usable:
            raise WarmUnusable

    def run(self, command: Command, arguments: tuple[str, ...], wait: Wait) -> Completed:
        """Run a command to its end, as `process.run` does.

        Raises:
            CommandRefused: it was not begun.
            WarmUnusable: it was not begun, or broken off.
            ToolTimeout, Cancelled: as `process.run`.
        """
        started = time.monotonic()
        with (
            _Pipe() as stdout,
            _Pipe() as stderr,
            self._started(command, arguments, (stdout.writes, stderr.writes)) as (pid, answer),
        ):
            stdout.close_writing()
            stderr.close_writing()
            try:
                exit_code = None
                while exit_code is None or not (stdout.is_read and stderr.is_read):
                    _read_some(stdout, stderr, answer)
                    if answer.is_read:
                        exit_code = answer.exit_code
                    process.raise_if_over(command, wait, started)
            except BaseException:
                process.end_group(pid, grace_seconds=_GRACE_SECONDS)
                raise
        return Completed(
            argv=command.argv,
            exit_code=exit_code,
            stdout=stdout.text,
            stderr=stderr.text,
            elapsed_seconds=time.monotonic() - started,
        )

    def spawn_detached(self, command: Command, arguments: tuple[str, ...], output: int) -> int:
        """Start a command that outlives us, both its streams going to `output`; return its pid.

        Raises:
            CommandRefused, WarmUnusable: it was not begun.
        """
        with self._started(command, arguments, (output, output)) as (pid, _):
            return pid

    def close(self) -> None:
        """End the process; what it forked goes on. Never raises, repeatable."""
        self._is_closed = True
        if self._child is not None:
            self._child.kill()
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._keeper.join(_END_SECONDS)
        self._control.close()

    def abandon(self) -> None:
        """End the process and all it runs; daemons, which carry another token, go on."""
        self.close()
        if self._is_marked:
            for leader in process.processes_with_token(self._token):
                process.end_group(leader.pid, grace_seconds=0.0)

    @contextmanager
    def _started(
        self, command: Command, arguments: tuple[str, ...], outputs: tuple[int, int]
    ) -> Iterator[tuple[int, _Answer]]:
        token = None if command.env is None else command.env.get(TOKEN_VARIABLE)
        cwd = os.getcwd() if command.cwd is None else os.fspath(command.cwd)  # noqa: PTH109 - text
        request = {"argv": [_encoded(each) for each in arguments], "cwd": _encoded(cwd)}
        body = json.dumps({**request, "token": token}).encode()
        with _Answer() as answer:
            with self._requests:
                self._send(_LENGTH.pack(len(body)) + body, answer, (*outputs, *command.pass_fds))
                pid = answer.started_pid(time.monotonic() + _FORK_SECONDS)
            yield pid, answer

    def _send(self, message: bytes, answer: _Answer, descriptors: tuple[int, ...]) -> None:
        try:
            self._control.settimeout(_FORK_SECONDS)
            fds = [answer.theirs.fileno(), *descriptors]
            sent = socket.send_fds(self._control, [message], fds)
            self._control.sendall(message[sent:])
        except OSError as exc:
            raise WarmUnusable from exc
        finally:
            answer.theirs.close()

    def _keep(self, command: Command, theirs: socket.socket) -> None:
        try:
            with theirs:
                nowhere = subprocess.DEVNULL
                child = process.spawn(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        except ToolError:
            self._settled.set()
            return
        self._child = child
        if self._is_closed:
            child.kill()
        self._is_usable = self._hears_ready()
        self._settled.set()
        child.wait()
        self._is_usable = False

    def _hears_ready(self) -> bool:
        heard = b""
        with suppress(OSError):
            while len(heard) < len(_READY):
                some = self._control.recv(len(_READY) - len(heard))
                if not some:
                    break
                heard += some
        return heard == _READY


class _Pipe:
    """One output of a command."""

    def __init__(self) -> None:
        self._reads, self.writes = os.pipe()
        self._open = {self._reads, self.writes}
        self._data = bytearray()
        self.is_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.pop())

    def close_writing(self) -> None:
        self._open.remove(self.writes)
        os.close(self.writes)

    def fileno(self) -> int:
        return self._reads

    def read_some(self) -> None:
        data = os.read(self._reads, _CHUNK_BYTES)
        self._data += data
        self.is_read = not data

    @property
    def text(self) -> str:
        return self._data.decode("utf-8", "replace")


class _Answer:
    """What the warm process says of one command."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._said = b""
        self.is_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        self.theirs.close()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read_some(self) -> None:
        try:
            data = self._ours.recv(_CHUNK_BYTES)
        except OSError as exc:
            raise WarmUnusable from exc
        self._said += data
        self.is_read = not data

    def started_pid(self, limit: float) -> int:
        """Return the child's pid.

        Raises:
            CommandRefused, WarmUnusable: there is none.
        """
        while b"\n" not in self._said and not self.is_read:
            self._ours.settimeout(max(0.01, limit - time.monotonic()))
            self.read_some()
        first = self._said.partition(b"\n")[0]
        if first.startswith(b"refused "):
            raise CommandRefused(first.decode("utf-8", "replace"))
        return self._number(0, b"started ")

    @property
    def exit_code(self) -> int:
        """How the child ended.

        Raises:
            WarmUnusable: nobody can say.
        """
        return self._number(1, b"exit ")

    def _number(self, line: int, word: bytes) -> int:
        lines = self._said.split(b"\n")
        try:
            if line + 1 < len(lines) and lines[line].startswith(word):
                return int(lines[line].removeprefix(word))
        except ValueError:
            pass
        raise WarmUnusable


def _read_some(*sources: _Pipe | _Answer) -> None:
    with selectors.DefaultSelector() as selector:
        for source in sources:
            if not source.is_read:
                selector.register(source, selectors.EVENT_READ)
        for key, _ in selector.select(_SLICE_SECONDS):
            source = key.fileobj  # type: ignore[assignment]
            source.read_some()


def _encoded(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
