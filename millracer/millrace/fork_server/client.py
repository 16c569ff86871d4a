"""Our end of the warm Millrace: one process that forks a child for each command.

`server.py` is the other end and tells the protocol. Where this end raises, nothing of
the command runs any more, so that it can be run plainly: what was not heard of never begins, and
who heard of it ends it. Nobody ends what another thread asked for.
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
from millracer.errors import ToolError
from millracer.millrace.commands.install import MillraceInstall
from millracer.system import processes
from millracer.system.output_capture import Ends, Whole
from millracer.system.processes import TOKEN_VARIABLE, Command, Completed

_SERVER = Path(__file__).with_name("server.py")
_READY, _GO = b"ready\n", b"!"
_SLICE_SECONDS = 0.1
#: A command waits for the import until it has taken so long: 1.5 s on an idle machine, 18 s were
#: measured with 20 busy processes a core, and a plain start takes longer than that on both.
_IMPORT_SECONDS = 30.0
#: An import that takes so long hangs, and its process is ended.
_HUNG_SECONDS = 300.0
#: Forks are done one after the other; each takes some milliseconds, on a loaded machine many.
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

    Raises:
        OSError, RuntimeError: there are no descriptors left, or no threads.
    """

    def __init__(self, install: MillraceInstall, module: str, program: Command) -> None:
        self._begun = time.monotonic()
        env = dict(os.environ if program.env is None else program.env)
        env.setdefault(TOKEN_VARIABLE, processes.new_token())
        self._child: subprocess.Popen[bytes] | None = None
        self._settled = threading.Event()
        self._is_usable = False
        self._is_closed = False
        self._is_retired = False
        self._under_way = 0
        self._counting = threading.Lock()
        self._last_started = 0.0
        #: Held to write to the socket, and to close it.
        self._requests = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
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
        try:
            self._keeper.start()
        except RuntimeError:
            self._control.close()
            theirs.close()
            raise

    def wait_ready(self, wait: Wait) -> None:
        """Wait until commands can be given, as long as a plain start might take.

        Raises:
            CommandRefused: the wait is over, or the import is late; a later command may find it
                done.
            WarmUnusable: it takes no commands.
            Cancelled: the caller asked to stop.
        """
        while not self._settled.wait(_SLICE_SECONDS):
            age = time.monotonic() - self._begun
            if age >= _HUNG_SECONDS:
                raise WarmUnusable
            if age >= _IMPORT_SECONDS:
                raise CommandRefused
            _refuse_if_over(wait)
        if not self._is_usable:
            raise WarmUnusable

    def run(self, command: Command, arguments: tuple[str, ...], wait: Wait) -> Completed:
        """Run a command to its end, as `process.run` does.

        Raises:
            CommandRefused: it was not begun.
            WarmUnusable: it was not begun, or broken off.
            ToolFailed, ToolTimeout, Cancelled: as `process.run`.
        """
        started = time.monotonic()
        with (
            self._counted(),
            _Pipe(Whole(command.tool)) as stdout,
            _Pipe(Ends()) as stderr,
            self._started(command, arguments, (stdout.writes, stderr.writes), wait) as begun,
        ):
            pid, answer = begun
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
        """Start a command that outlives us, both its streams going to `output`; return its pid.

        Raises:
            CommandRefused, WarmUnusable, Cancelled: it was not begun.
        """
        with self._counted(), self._started(command, arguments, (output, output), wait) as begun:
            return begun[0]

    @property
    def is_closed(self) -> bool:
        """Whether it was ended."""
        return self._is_closed

    def close(self) -> None:
        """End the process; never raises, repeatable.

        What it forked goes on, but that nobody hears of a command's end any more: who waits for one
        ends it.
        """
        self._is_closed = True
        if self._child is not None:
            self._child.kill()
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._keeper.join(_END_SECONDS)

    def retire(self) -> None:
        """Take no more commands, and end the process with the last one under way."""
        with self._counting:
            self._is_retired = True
            is_idle = self._under_way == 0
        if is_idle:
            self.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            if self._is_retired:
                raise CommandRefused
            self._under_way += 1
        try:
            yield
        finally:
            with self._counting:
                self._under_way -= 1
                is_last = self._is_retired and self._under_way == 0
            if is_last:
                self.close()

    @contextmanager
    def _started(
        self,
        command: Command,
        arguments: tuple[str, ...],
        outputs: tuple[int, int],
        wait: Wait,
    ) -> Iterator[tuple[int, _Answer]]:
        token = None if command.env is None else command.env.get(TOKEN_VARIABLE)
        cwd = os.getcwd() if command.cwd is None else os.fspath(command.cwd)  # noqa: PTH109 - text
        request = {"argv": [_encoded(each) for each in arguments], "cwd": _encoded(cwd)}
        message = json.dumps({**request, "token": token}).encode()
        with _Answer() as answer:
            self._send(message, answer, (*outputs, *command.pass_fds))
            pid = self._hear_started(answer, wait)
            answer.let_go()
            yield pid, answer

    def _send(self, message: bytes, answer: _Answer, descriptors: tuple[int, ...]) -> None:
        try:
            with self._requests:
                self._control.settimeout(_FORK_SECONDS)
                socket.send_fds(self._control, [message], [answer.theirs.fileno(), *descriptors])
        except OSError as exc:
            raise (CommandRefused if exc.errno == errno.EMSGSIZE else WarmUnusable) from exc
        finally:
            answer.theirs.close()

    def _hear_started(self, answer: _Answer, wait: Wait) -> int:
        """Return the pid of the child, which waits for `let_go`; who asked before has it first."""
        asked = time.monotonic()
        while not answer.has_line:
            if _read_some(answer):
                continue
            if time.monotonic() - max(asked, self._last_started) >= _FORK_SECONDS:
                raise WarmUnusable
            _refuse_if_over(wait)
        self._last_started = time.monotonic()
        return answer.started_pid

    def _keep(self, command: Command, theirs: socket.socket) -> None:
        try:
            with theirs:
                nowhere = subprocess.DEVNULL
                child = processes.spawn(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        except ToolError:
            self._settled.set()
        else:
            self._child = child
            if self._is_closed:
                child.kill()
            self._is_usable = self._hears_ready()
            self._settled.set()
            child.wait()
            self._is_usable = False
        # Not below who sends: another file might have its number by then.
        with self._requests:
            self._control.close()

    def _hears_ready(self) -> bool:
        with suppress(OSError):
            return self._control.recv(len(_READY)) == _READY
        return False


class _Pipe:
    """One output of a command, and what keeps it."""

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
    """What the warm process says of one command."""

    def __init__(self) -> None:
        try:
            self._ours, self.theirs = socket.socketpair()
        except OSError as exc:
            raise CommandRefused from exc
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

    @property
    def has_line(self) -> bool:
        """Whether something was said, or nothing will be."""
        return b"\n" in self._said or self.is_read

    @property
    def started_pid(self) -> int:
        """The child's pid.

        Raises:
            CommandRefused, WarmUnusable: there is none.
        """
        first = self._said.partition(b"\n")[0]
        if first.startswith(b"refused "):
            raise CommandRefused(first.decode("utf-8", "replace"))
        return self._number(0, b"started ")

    def let_go(self) -> None:
        """Let the child begin; one that never hears it ends without having done anything.

        Raises:
            WarmUnusable: it has ended.
        """
        try:
            self._ours.sendall(_GO)
        except OSError as exc:
            raise WarmUnusable from exc

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


def _read_some(*sources: _Pipe | _Answer) -> bool:
    """Read what there is, or wait a moment for it; return whether there was any."""
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


def _encoded(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
