"""The fork server: imports Millrace's entry point once and forks for each command.

Millracer starts this file as a program under Millrace's interpreter. It imports nothing of
Millracer and, of Millrace, only the module that the console script imports. A forked child executes
the console script itself, so a command takes the code path of the command line. The server process
never runs a command.

The protocol uses the unix socket passed to it. A request is one packet, a JSON object {"argv":
[...], "cwd": "...", "token": "..." or null, "variables": {"NAME": "..." or null}}, argv and cwd as
bytes decoded as Latin-1; the child sets or removes the variables. With it come descriptors: the
answer socket, standard output, standard error, and those the command inherits. The answer is
`started PID`, then `exit CODE` (negative: the signal), each on a line, or `refused WHY`.
The command begins once the client has answered `started` with `!`. If the client closes the answer
socket without sending it, the child ends and the command is not run.

The server ends with its client: at the end of the socket, and before it reads requests by the
kernel's parent-death signal, on other systems than Linux by a thread that watches the socket.
There, a child cannot change the identity that other processes see, so commands with a token are
refused.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

# `Program` puts the console script's folder first, as a start does; this file's folder is removed
# because it holds Millracer's modules.
if not sys.flags.safe_path:
    del sys.path[0]

_PROC = Path("/proc/self")
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PACKET_BYTES = 1 << 20
_DESCRIPTORS = 16
_NAME_BYTES = 15
_GO = b"!"
_LINUX = "linux"
_UNRAISABLE_EXIT = 120


class Region:
    """A region of this process's memory that `/proc` shows: its arguments or its environment."""

    def __init__(self, address: int, end: int) -> None:
        if not 0 < address <= end:
            raise ValueError("invalid memory region")
        self.address = address
        self.size = end - address

    def read(self) -> bytes:
        """Return the region's bytes."""
        return ctypes.string_at(self.address, self.size)

    def write(self, offset: int, data: bytes) -> None:
        """Write data into the region.

        Raises:
            ValueError: the data does not fit.
        """
        if offset < 0 or offset + len(data) > self.size:
            raise ValueError("the data does not fit")
        ctypes.memmove(self.address + offset, data, len(data))


class Identity:
    """What `/proc` shows of this process; a child that does not exec has to change it itself.

    Args:
        variable: the environment variable that marks processes.
        has_linux_calls: whether `/proc` and its calls may be used.
    """

    def __init__(self, variable: str, *, has_linux_calls: bool) -> None:
        self._variable = variable
        self._own = os.environ.get(variable)
        self._arguments: Region | None = None
        self._environment: Region | None = None
        if not has_linux_calls:
            return
        try:
            # The name before the last bracket may hold anything; the third field follows it.
            fields = (_PROC / "stat").read_bytes().rpartition(b")")[2].split()
            arguments = Region(*map(int, fields[45:47]))
            environment = Region(*map(int, fields[47:49]))
            is_mapped = (_PROC / "cmdline").read_bytes() == arguments.read()
            if is_mapped and (_PROC / "environ").read_bytes() == environment.read():
                self._arguments, self._environment = arguments, environment
        except (OSError, ValueError, TypeError):
            return  # then no child can show its identity, and commands that need one are refused

    def assume(self, command: list[str], token: str | None) -> None:
        """Set the command line that `/proc` shows, and the token in `os.environ` and `/proc`.

        Raises:
            ValueError: a token cannot be shown to other processes.
        """
        if token is None:
            os.environ.pop(self._variable, None)
            return self._show_command(command)
        if token != self._own:
            self._show_token(token)
        os.environ[self._variable] = token
        return self._show_command(command, needed=True)

    def _show_token(self, token: str) -> None:
        if self._environment is None or self._own is None or len(token) != len(self._own):
            raise ValueError("the token cannot be shown")
        mark = os.fsencode(f"{self._variable}={self._own}")
        shown = b"\0" + self._environment.read()
        found = shown.find(b"\0" + mark + b"\0")
        self._environment.write(found, os.fsencode(f"{self._variable}={token}"))

    def _show_command(self, command: list[str], *, needed: bool = False) -> None:
        line = b"".join(os.fsencode(word) + b"\0" for word in command)
        if self._arguments is None or len(line) > self._arguments.size:
            if needed:
                raise ValueError("the command line cannot be shown")
            return
        self._arguments.write(0, line.ljust(self._arguments.size, b"\0"))
        name = os.fsencode(Path(command[1]).name)[:_NAME_BYTES]
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name, 0, 0, 0)


class Program:
    """The console script, ready to be executed in a child.

    Args:
        script: the script's path.
        module: the module that the script imports.
    """

    def __init__(self, script: str, module: str) -> None:
        self.script = script
        if not sys.flags.safe_path:
            sys.path.insert(0, str(Path(script).resolve().parent))
        self._code = compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
        importlib.import_module(module)

    def execute(self, arguments: list[str]) -> int:
        """Execute the script as Python would, and return the exit code of the process."""
        main = types.ModuleType("__main__")
        main.__file__ = self.script
        sys.modules["__main__"] = main
        sys.argv = [self.script, *arguments]
        sys.orig_argv = [sys.executable, *sys.argv]
        try:
            exec(self._code, main.__dict__)  # noqa: S102 - what the command line executes
        except SystemExit as ended:
            return _exit_code(ended.code)
        except BaseException as error:  # noqa: BLE001 - as Python's own top level does
            here = error.__traceback__
            below = None if here is None else here.tb_next
            sys.excepthook(type(error), error.with_traceback(below), below)
            if isinstance(error, KeyboardInterrupt):
                _end_by(signal.SIGINT)
            return 1
        return 0


class Server:
    """Forks one child per request until the client closes the socket."""

    def __init__(self, control: socket.socket, program: Program, identity: Identity) -> None:
        self._control = control
        self._program = program
        self._identity = identity
        self._answers: dict[int, socket.socket] = {}
        self._wakeup_reader, self._wakeup_writer = socket.socketpair()
        for end in (self._wakeup_reader, self._wakeup_writer):
            end.settimeout(0)

    def serve(self) -> int | None:
        """Serve requests; return the exit code in a child, None in the server once it ends."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        poll = select.poll()  # not select: the inherited descriptor may have a high number
        for end in (self._control, self._wakeup_reader):
            poll.register(end, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wakeup_reader.fileno() in ready:
                self._wakeup_reader.recv(4096)
                self._report_ended()
            if self._control.fileno() in ready:
                request = self._receive()
                if request is None:
                    return None
                exit_code = self._fork(*request)
                if exit_code is not None:
                    return exit_code

    def _receive(self) -> tuple[dict[str, Any], list[int]] | None:
        data, descriptors, _, _ = socket.recv_fds(self._control, _PACKET_BYTES, _DESCRIPTORS)
        return (json.loads(data), descriptors) if data else None

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> int | None:
        answer = socket.socket(fileno=descriptors.pop(0))
        try:
            pid = os.fork()
        except OSError as error:
            _send_line(answer, f"refused {error.strerror}")
            answer.close()
            pid = -1
        if pid == 0:
            return self._run_child(request, descriptors, answer)
        if pid > 0:
            self._answers[pid] = answer
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _run_child(
        self, request: dict[str, Any], descriptors: list[int], answer: socket.socket
    ) -> int:
        try:
            arguments = [_decode(word) for word in request["argv"]]
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (
                self._control,
                self._wakeup_reader,
                self._wakeup_writer,
                *self._answers.values(),
            ):
                end.close()
            os.setsid()
            os.chdir(_decode(request["cwd"]))
            for standard, descriptor in enumerate(descriptors[:2], start=1):
                os.dup2(descriptor, standard)
                os.close(descriptor)
            sys.stdout, sys.stderr = _reopen(sys.stdout), _reopen(sys.stderr)
            for descriptor in descriptors[2:]:
                os.set_inheritable(descriptor, True)  # noqa: FBT003 - its only form
            command = [sys.executable, self._program.script, *arguments]
            _set_variables(request["variables"])
            self._identity.assume(command, request["token"])
            _send_line(answer, f"started {os.getpid()}")
            if answer.recv(len(_GO)) != _GO:
                os._exit(_UNRAISABLE_EXIT)
            answer.close()
        except BaseException as error:  # noqa: BLE001 - the command has not started yet
            _send_line(answer, f"refused {error}")
            os._exit(_UNRAISABLE_EXIT)
        return self._program.execute(arguments)

    def _report_ended(self) -> None:
        while self._answers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            answer = self._answers.pop(pid, None)
            if answer is not None:
                _send_line(answer, f"exit {os.waitstatus_to_exitcode(status)}")
                answer.close()


def _set_variables(variables: dict[str, str | None]) -> None:
    """Set environment variables of this process; None removes one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _send_line(answer: socket.socket, line: str) -> None:
    with suppress(OSError):  # the client may have closed the socket
        answer.sendall(line.replace("\n", " ").encode("utf-8", "replace") + b"\n")


def _decode(encoded: str) -> str:
    return os.fsdecode(encoded.encode("latin-1"))


def _reopen(stream: TextIO) -> TextIO:
    """Reopen a stream: what it cached about its descriptor (such as seekable) is outdated."""
    return open(
        stream.fileno(),
        "w",
        buffering=1 if stream.line_buffering else -1,
        encoding=stream.encoding,
        errors=stream.errors,
        closefd=False,
    )


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _end_by(number: signal.Signals) -> None:
    _flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _flush() -> bool:
    flushed = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            flushed = False
    return flushed


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


class ClientWatch:
    """Ends this process when the client closes the socket, until it is stopped.

    The client sends nothing during that time, so a readable socket has ended.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="client-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop to watch, and end the thread: a fork copies only one."""
        os.close(self._stop_writer)
        self._thread.join()
        os.close(self._stop_reader)

    def _watch(self) -> None:
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._stop_reader):
            poll.register(descriptor, select.POLLIN)
        if self._stop_reader not in {descriptor for descriptor, _ in poll.poll()}:
            os._exit(0)


def _is_alone(*, has_linux_calls: bool) -> bool:
    """Whether this process has a single thread, as a fork copies only one."""
    with suppress(OSError):
        if has_linux_calls:
            return len(list((_PROC / "task").iterdir())) == 1
    return threading.active_count() == 1


def main() -> None:
    """Serve until the client closes the socket; in a child, run one command."""
    descriptor, parent, script, module, variable, calls = sys.argv[1:7]
    has_linux_calls = calls == _LINUX
    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    watch = None if has_linux_calls else ClientWatch(control)
    if has_linux_calls:
        _die_with(int(parent))
    exit_code: int | None = None

    def exit_fast() -> None:
        # Registered first, so it runs last, after threads and the program's own exit functions:
        # it skips the slow teardown of a big heap.
        flushed = _flush()
        os._exit((exit_code or 0) if flushed else _UNRAISABLE_EXIT)

    atexit.register(exit_fast)
    identity = Identity(variable, has_linux_calls=has_linux_calls)
    gc.disable()  # imports leave little garbage, and collection takes a tenth of the import time
    program = Program(script, module)
    gc.enable()
    if watch is not None:
        watch.stop()
    if not _is_alone(has_linux_calls=has_linux_calls):
        return
    os.chdir("/")
    gc.freeze()
    control.sendall(b"ready\n")
    exit_code = Server(control, program, identity).serve()


if __name__ == "__main__":
    main()
