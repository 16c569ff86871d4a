"""The client of the fork server: one warm process that forks a child for each command.

`server.py` describes the protocol. If the client raises, nothing of the command runs any more, so
that the command can be run as a plain process: a child waits for a go-ahead before it begins, and
the thread that started a child ends it. No thread ends another thread's command.
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from millracer.cancellation import Wait
from millracer.domain.trace_context import TRACE_VARIABLES
from millracer.errors import ToolError
from millracer.millrace.commands.install import MillraceInstall
from millracer.system import processes
from millracer.system.linux import has_linux_calls
from millracer.system.output_capture import Ends, Whole
from millracer.system.process_table import TOKEN_VARIABLE
from millracer.system.processes import Command, Completed

_SERVER = Path(__file__).with_name("server.py")
_READY, _GO = b"ready\n", b"!"
#: Which system calls the server may use.
_LINUX, _PORTABLE = "linux", "portable"
_SLICE_SECONDS = 0.1
#: A command waits at most so long for the import, in seconds. The import takes 1.5 s on an idle
#: machine, 18 s were measured with 20 busy processes per core; a plain start takes longer on both.
_IMPORT_SECONDS = 30.0
#: An import that takes this long (seconds) counts as hung, and its process is ended.
_HUNG_SECONDS = 300.0
#: Forks are serial; each takes a few milliseconds, on a loaded machine many.
_FORK_SECONDS = 5.0
_END_SECONDS = 1.0
_GRACE_SECONDS = 1.0
_CHUNK_BYTES = 65536
#: Space for a child to write its own command line into: `/proc` would show its parent's.
_PADDING = " " * 8192


class WarmUnusable(Exception):
    """The warm process cannot be used."""


class CommandRefused(Exception):
    """The warm process cannot run this command, but can run others."""


class WarmProcess:
    """One warm Millrace process; the constructor does not wait for its start.

    Args:
        install: the Millrace install to import.
        module: the module that the console script imports.
        program: the command without arguments: its environment and working directory.

    Raises:
        OSError, RuntimeError: there are no descriptors left, or no threads.
    """

    def __init__(self, install: MillraceInstall, module: str, program: Command) -> None:
        self._created_at = time.monotonic()
        env = dict(os.environ if program.env is None else program.env)
        env.setdefault(TOKEN_VARIABLE, processes.new_token())
        self._child: subprocess.Popen[bytes] | None = None
        self._import_ended = threading.Event()
        self._is_usable = False
        self._is_closed = False
        self._is_retired = False
        self._running_count = 0
        self._count_lock = threading.Lock()
        self._last_started = 0.0
        #: Held while the socket is written to or closed.
        self._requests = threading.Lock()
        self._control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = Command(
            tool=program.tool,
            argv=(
                *(str(install.interpreter), str(_SERVER), str(remote.fileno()), str(os.getpid())),
                *(str(install.script), module, TOKEN_VARIABLE),
                *(_LINUX if has_linux_calls() else _PORTABLE, _PADDING),
            ),
            cwd=program.cwd,
            env=env,
            pass_fds=(remote.fileno(),),
        )
        # The process dies with the thread that starts it, so that thread waits for its end.
        self._keeper = threading.Thread(
            target=self._spawn_and_wait, args=(command, remote), name="warm-millrace", daemon=True
        )
        try:
            self._keeper.start()
        except RuntimeError:
            self._control.close()
            remote.close()
            raise

    def wait_ready(self, wait: Wait) -> None:
        """Wait until commands are accepted, at most as long as a plain start might take.

        Raises:
            CommandRefused: the wait is over, or the import is late; it may be done for a later
                command.
            WarmUnusable: the process accepts no commands.
            Cancelled: the caller asked to stop.
        """
        while not self._import_ended.wait(_SLICE_SECONDS):
            age = time.monotonic() - self._created_at
            if age >= _HUNG_SECONDS:
                raise WarmUnusable
            if age >= _IMPORT_SECONDS:
                raise CommandRefused
            _refuse_if_over(wait)
        if not self._is_usable:
            raise WarmUnusable

    def run(self, command: Command, arguments: tuple[str, ...], wait: Wait) -> Completed:
        """Run a command until it exits, as `process.run` does.

        Raises:
            CommandRefused: the command was not started.
            WarmUnusable: the command was not started, or was interrupted.
            ToolFailed, ToolTimeout, Cancelled: as `process.run`.
        """
        started = time.monotonic()
        with (
            self._count_command(),
            _Pipe(Whole(command.tool)) as stdout,
            _Pipe(Ends()) as stderr,
            self._start(
                command, arguments, (stdout.writes, stderr.writes), wait
            ) as started_command,
        ):
            pid, answer = started_command
            stdout.close_writing()
            stderr.close_writing()
            try:
                exit_code = None
                while exit_code is None or not (stdout.is_read and stderr.is_read):
                    _read_some(stdout, stderr, answer)
                    if answer.is_read:
                        exit_code = answer.exit_code
                    processes.raise_if_over(command, wait, started)
            except BaseException:
                processes.end_group(pid, grace_seconds=_GRACE_SECONDS)
                raise
        return Completed(
            argv=command.argv,
            exit_code=exit_code,
            stdout=stdout.text,
            stderr=stderr.text,
            elapsed_seconds=time.monotonic() - started,
        )

    def spawn_detached(
        self, command: Command, arguments: tuple[str, ...], output: int, wait: Wait
    ) -> int:
        """Start a command that outlives Millracer, with both streams to `output`; return its pid.

        Raises:
            CommandRefused, WarmUnusable, Cancelled: the command was not started.
        """
        with (
            self._count_command(),
            self._start(command, arguments, (output, output), wait) as started_command,
        ):
            return started_command[0]

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """End the process; never raises, repeatable.

        Forked commands continue, but their ends are no longer reported: a thread that waits for a
        command ends it.
        """
        self._is_closed = True
        if self._child is not None:
            self._child.kill()
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._keeper.join(_END_SECONDS)

    def retire(self) -> None:
        """Accept no more commands, and end the process after its last running command."""
        with self._count_lock:
            self._is_retired = True
            is_idle = self._running_count == 0
        if is_idle:
            self.close()

    @contextmanager
    def _count_command(self) -> Iterator[None]:
        with self._count_lock:
            if self._is_retired:
                raise CommandRefused
            self._running_count += 1
        try:
            yield
        finally:
            with self._count_lock:
                self._running_count -= 1
                is_last = self._is_retired and self._running_count == 0
            if is_last:
                self.close()

    @contextmanager
    def _start(
        self,
        command: Command,
        arguments: tuple[str, ...],
        outputs: tuple[int, int],
        wait: Wait,
    ) -> Iterator[tuple[int, _Answer]]:
        environment = command.env or {}
        token = environment.get(TOKEN_VARIABLE)
        trace = {name: environment.get(name) for name in TRACE_VARIABLES}
        cwd = os.getcwd() if command.cwd is None else os.fspath(command.cwd)  # noqa: PTH109 - text
        request = {"argv": [_encode(each) for each in arguments], "cwd": _encode(cwd)}
        message = json.dumps({**request, "token": token, "variables": trace}).encode()
        with _Answer() as answer:
            self._send(message, answer, (*outputs, *command.pass_fds))
            pid = self._receive_started(answer, wait)
            answer.send_go()
            yield pid, answer

    def _send(self, message: bytes, answer: _Answer, descriptors: tuple[int, ...]) -> None:
        try:
            with self._requests:
                self._control.settimeout(_FORK_SECONDS)
                socket.send_fds(self._control, [message], [answer.remote.fileno(), *descriptors])
        except OSError as exc:
            raise (CommandRefused if exc.errno == errno.EMSGSIZE else WarmUnusable) from exc
        finally:
            answer.remote.close()

    def _receive_started(self, answer: _Answer, wait: Wait) -> int:
        """Return the pid of the child, which waits for `send_go`; earlier requests fork first."""
        sent_at = time.monotonic()
        while not answer.has_line:
            if _read_some(answer):
                continue
            if time.monotonic() - max(sent_at, self._last_started) >= _FORK_SECONDS:
                raise WarmUnusable
            _refuse_if_over(wait)
        self._last_started = time.monotonic()
        return answer.started_pid

    def _spawn_and_wait(self, command: Command, remote: socket.socket) -> None:
        try:
            with remote:
                null = subprocess.DEVNULL
                child = processes.spawn(command, stdin=null, stdout=null, stderr=null)
        except ToolError:
            self._import_ended.set()
        else:
            self._child = child
            if self._is_closed:
                child.kill()
            self._is_usable = self._receive_ready()
            self._import_ended.set()
            child.wait()
            self._is_usable = False
        # Not during a send: another file might have reused the descriptor by then.
        with self._requests:
            self._control.close()

    def _receive_ready(self) -> bool:
        with suppress(OSError):
            return self._control.recv(len(_READY)) == _READY
        return False


class _Pipe:
    """A pipe for one output of a command, and the sink that keeps the data."""

    def __init__(self, sink: Whole | Ends) -> None:
        try:
            self._reads, self.writes = os.pipe()
        except OSError as exc:
            raise CommandRefused from exc
        self._open = {self._reads, self.writes}
        self._sink = sink
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
        self._sink.feed(data)
        self.is_read = not data

    @property
    def text(self) -> str:
        return self._sink.text


class _Answer:
    """The warm process's answer about one command."""

    def __init__(self) -> None:
        try:
            self._local, self.remote = socket.socketpair()
        except OSError as exc:
            raise CommandRefused from exc
        self._received = b""
        self.is_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._local.close()
        self.remote.close()

    def fileno(self) -> int:
        return self._local.fileno()

    def read_some(self) -> None:
        try:
            data = self._local.recv(_CHUNK_BYTES)
        except OSError as exc:
            raise WarmUnusable from exc
        self._received += data
        self.is_read = not data

    @property
    def has_line(self) -> bool:
        """Whether a whole line has arrived, or no more data will."""
        return b"\n" in self._received or self.is_read

    @property
    def started_pid(self) -> int:
        """The child's pid.

        Raises:
            CommandRefused, WarmUnusable: the child was not started.
        """
        first = self._received.partition(b"\n")[0]
        if first.startswith(b"refused "):
            raise CommandRefused(first.decode("utf-8", "replace"))
        return self._parse_number(0, b"started ")

    def send_go(self) -> None:
        """Send the go-ahead; a child that never receives it ends without running the command.

        Raises:
            WarmUnusable: the child has ended.
        """
        try:
            self._local.sendall(_GO)
        except OSError as exc:
            raise WarmUnusable from exc

    @property
    def exit_code(self) -> int:
        """The child's exit code, or its signal as a negative number.

        Raises:
            WarmUnusable: the exit code is unknown.
        """
        return self._parse_number(1, b"exit ")

    def _parse_number(self, line: int, word: bytes) -> int:
        lines = self._received.split(b"\n")
        try:
            if line + 1 < len(lines) and lines[line].startswith(word):
                return int(lines[line].removeprefix(word))
        except ValueError:
            pass
        raise WarmUnusable


def _read_some(*sources: _Pipe | _Answer) -> bool:
    """Read available data, waiting for a moment; return whether there was any."""
    unread = {source.fileno(): source for source in sources if not source.is_read}
    poll = select.poll()  # needs no descriptor of its own
    for descriptor in unread:
        poll.register(descriptor, select.POLLIN)
    ready = poll.poll(_SLICE_SECONDS * 1000)
    for descriptor, _ in ready:
        unread[descriptor].read_some()
    return bool(ready)


def _refuse_if_over(wait: Wait) -> None:
    wait.cancellation.raise_if_cancelled()
    if wait.expired:
        raise CommandRefused


def _encode(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
