"""The points at which a run can die, found from the code while it runs.

`install` puts a trace around the seams that every effect passes: entering a state, a command of
Millrace, what a port of `WAITED` does, an event of an item's log, a process that starts, a signal,
a file that is made, replaced or removed, the print. Nothing here lists effects: a new command, port
method, event, file or state has its points by being reached. Points are named by what happens,
never by an id, a time or a random name.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import psutil

from millracer import event_log, millrace, pi, ports, programs, store, system
from millracer.cli.terminal import stdout
from millracer.domain.event_log import Event
from millracer.domain.run.lifecycle import RunState
from millracer.event_log.logs import FileEventLogs
from millracer.event_log.writer import FileLogWriter
from millracer.millrace.commands import runner as command_runner
from millracer.millrace.fork_server import client
from millracer.run.orchestrator import Orchestrator
from millracer.run.steps import Steps
from millracer.system import process_table, processes
from millracer.system import spawn as process_start

#: Ports of which each call is a point: a prompt to pi, each wait, each stored session.
WAITED: tuple[type, ...] = (ports.Agent, ports.WatchLease, ports.SessionStore)

#: Ports of which each call has to be made by some run; what it does has points of its own.
CALLED: tuple[type, ...] = (ports.Backend, ports.Supervisor, ports.DaemonControl)

#: Before the name of such a call, which is not a point of death.
CALL = "calls "

#: Before the name of an event of the item's log, or of what else is done with the log.
LOG = "log "

#: Behind the name of a point that was reached before in the same state.
AGAIN = ", again"

_UNHEARD_SECONDS = 60.0
_POLL_SECONDS = 0.002
#: A call that only reads is not a point of its own.
_READS = re.compile(r"(find|is|list|read|recent|stored)(_|$)|observe$")
_VARYING = re.compile(r"[0-9a-f]{12,}|\d{8}T\d+Z")
_RANDOM_SUFFIX = re.compile(r"\.[a-z0-9_]{8}\.tmp$")


def registered() -> set[str]:
    """Return the points that some run has to reach, without the state in which it does."""
    entered = {f"{state}: entered" for state in RunState if state is not RunState.FINISHED}
    calls = {
        f"{port.__name__}.{method} {side}"
        for port in (ports.Agent, ports.WatchLease)
        for method in _methods(port)
        for side in ("before", "after")
    }
    made = {f"{CALL}{port.__name__}.{method}" for port in CALLED for method in _methods(port)}
    return entered | calls | made


class Trace:
    """Notes every point that is reached, and dies at one of them if it should.

    Args:
        log: a line is appended for each point, each time.
        armed: the point that is waited for, by its name.
        act: done when it is reached first, in the thread that reached it; given the process that
            was started last, if one was.
    """

    def __init__(self, log: Path, armed: str | None, act: Callable[[int | None], None]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._log = os.open(log, flags, 0o600)
        self._armed = armed
        self._act = act
        self._started: int | None = None
        self._place = "start"
        self._visits: dict[str, int] = {}
        self._reached: set[str] = set()
        self._local = threading.local()

    def enter(self, state: RunState) -> None:
        """Note that a state was entered; a later visit has a number."""
        visit = self._visits[state] = self._visits.get(state, 0) + 1
        self._place = f"{state}" if visit == 1 else f"{state} {visit}"
        self.reach("entered")

    def leave(self) -> None:
        """Note that the last state was left."""
        self._place = "end"

    def reach(self, what: str) -> None:
        """Note a point, and act when it is the one."""
        if getattr(self._local, "inside", False):
            return
        self._local.inside = True
        try:
            name = self._name(what)
            if name in self._reached:
                name = f"{name}{AGAIN}"
            self._reached.add(name)
            os.write(self._log, f"{name}\n".encode())
            if name == self._armed:
                self._armed = None
                self._act(self._started)
        finally:
            self._local.inside = False

    def note(self, call: str) -> None:
        """Note that a call is made; it is not a point."""
        os.write(self._log, f"{self._name(f'{CALL}{call}')}\n".encode())

    def forked(self, pid: int) -> None:
        """Note that what this thread calls is there and does nothing before it is let go."""
        self._started = pid
        self.reach(f"{self._local.call} forked")

    def started(self, pid: int) -> None:
        """Note that this thread's call runs now, and then that its answer was lost."""
        call = getattr(self._local, "call", None)
        if call is None:
            return
        self._started = pid
        self.reach(f"{call} begun")
        if self._local.answers:
            due = self._name(f"{call} unheard")
            if self._armed in {due, f"{due}{AGAIN}"}:
                _await_end(pid)
            self.reach(f"{call} unheard")

    @contextmanager
    def calling(self, call: str, *, answers: bool) -> Iterator[None]:
        """Note both sides of a call that starts a process."""
        self.reach(f"{call} before")
        self._local.call, self._local.answers = call, answers
        try:
            yield
        finally:
            self._local.call = None
        self.reach(f"{call} after")

    @property
    def is_calling(self) -> bool:
        """Whether this thread is about to start a process that was reported."""
        return getattr(self._local, "call", None) is not None

    def _name(self, what: str) -> str:
        beside = threading.current_thread() is not threading.main_thread()
        return f"{'beside' if beside else self._place}: {what}"


def install(trace: Trace, *, workspace: Path, home: Path) -> None:
    """Put the trace around every seam; only for a process that does nothing else."""
    for package in (event_log, millrace, pi, programs, store, system):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name != "millracer.millrace.fork_server.server":  # a program of its own
                importlib.import_module(module.name)
    _trace_states(trace)
    for port in WAITED:
        _trace_port(trace, port)
    for port in CALLED:
        _note_port(trace, port)
    for runner in _implementations(command_runner.CommandRunner):
        _trace_runner(trace, runner)
    _trace_starts(trace)
    _trace_logs(trace)
    _trace_print(trace)
    sys.addaudithook(_effects(trace, workspace=workspace, home=home))


def _trace_states(trace: Trace) -> None:
    perform, run = Steps._perform, Orchestrator.run

    def performing(self: Steps, record: Any) -> Any:
        trace.enter(record.state)
        return perform(self, record)

    def running(self: Orchestrator, *arguments: Any) -> Any:
        try:
            return run(self, *arguments)
        finally:
            trace.leave()

    Steps._perform = performing
    Orchestrator.run = running


def _trace_port(trace: Trace, port: type) -> None:
    for implementation in _implementations(port):
        for method in _methods(port):
            if method in vars(implementation):
                name = f"{port.__name__}.{method}"
                setattr(
                    implementation, method, _reported(trace, name, vars(implementation)[method])
                )


def _note_port(trace: Trace, port: type) -> None:
    for implementation in _implementations(port):
        for method in _methods(port):
            if method in vars(implementation):
                name = f"{port.__name__}.{method}"
                setattr(implementation, method, _noted(trace, name, vars(implementation)[method]))


def _noted(trace: Trace, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def noting(*arguments: Any, **options: Any) -> Any:
        trace.note(name)
        return function(*arguments, **options)

    return noting


def _reported(trace: Trace, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def reporting(*arguments: Any, **options: Any) -> Any:
        trace.reach(f"{name} before")
        answer = function(*arguments, **options)
        trace.reach(f"{name} after")
        return answer

    return reporting


def _trace_runner(trace: Trace, runner: Any) -> None:
    run, spawn_detached = runner.run, runner.spawn_detached

    def running(self: Any, command: processes.Command, *arguments: Any) -> Any:
        with trace.calling(_called(command), answers=True):
            return run(self, command, *arguments)

    def spawning(self: Any, command: processes.Command, *arguments: Any) -> Any:
        with trace.calling(_called(command), answers=False):
            return spawn_detached(self, command, *arguments)

    runner.run, runner.spawn_detached = running, spawning


def _trace_starts(trace: Trace) -> None:
    spawn, send_go = processes.spawn, client._Answer.send_go

    def spawning(command: processes.Command, **streams: Any) -> Any:
        if trace.is_calling:
            child = spawn(command, **streams)
            trace.started(child.pid)
            return child
        with trace.calling(f"start {_program(command.argv)}", answers=False):
            child = spawn(command, **streams)
            trace.started(child.pid)
            return child

    def sending_go(self: client._Answer) -> None:
        trace.forked(self.started_pid)
        send_go(self)
        trace.started(self.started_pid)

    processes.spawn = spawning
    # What another thread starts for this one would be taken for that one's doing.
    processes.start_whole = _started
    client._Answer.send_go = sending_go


def _started(start: process_start.Start) -> subprocess.Popen[bytes]:
    return start()


def _trace_logs(trace: Trace) -> None:
    append = FileLogWriter.append

    def appending(self: FileLogWriter, event: Event) -> Any:
        trace.reach(f"{LOG}{event.type} before")
        logged = append(self, event)
        trace.reach(f"{LOG}{event.type} after")
        return logged

    FileLogWriter.append = appending
    for method, name in ((FileEventLogs.write, "opened"), (FileLogWriter.write_result, "result")):
        owner = FileEventLogs if name == "opened" else FileLogWriter
        setattr(owner, method.__name__, _reported(trace, f"{LOG}{name}", method))


def _trace_print(trace: Trace) -> None:
    stdout.print_text = _reported(trace, "print", stdout.print_text)


def _effects(
    trace: Trace, *, workspace: Path, home: Path
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook: Python calls it before each audited action."""
    places = ((f"{workspace}{os.sep}", ""), (f"{home}{os.sep}", "~/"))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILES:
            verb, position, is_effect = _FILES[event]
            shape = _shape(arguments[position], places) if is_effect(arguments) else None
            if shape is not None:
                trace.reach(f"{verb} {shape}")
        elif event in {"os.kill", "os.killpg"} and arguments[1]:
            trace.reach(f"{event.removeprefix('os.')} {signal.Signals(arguments[1]).name}")
        elif event == "subprocess.Popen" and not trace.is_calling:
            trace.reach(f"start {_program(arguments[1])}")

    return hook


_Arguments = tuple[Any, ...]
#: Python's audit events of files: the verb, which argument is the path, and whether it does
#: anything.
_FILES: dict[str, tuple[str, int, Callable[[_Arguments], object]]] = {
    "open": ("open", 0, lambda arguments: arguments[2] & (os.O_WRONLY | os.O_RDWR)),
    "os.rename": ("replace", 1, bool),
    "os.link": ("make", 1, bool),
    "os.symlink": ("make", 1, bool),
    "os.truncate": ("open", 0, bool),
    "os.remove": ("remove", 0, bool),
    "os.rmdir": ("remove", 0, bool),
    "os.mkdir": ("make", 0, lambda arguments: not Path(arguments[0]).is_dir()),
    "sqlite3.connect": ("open", 0, bool),
}


def _shape(path: object, places: tuple[tuple[str, str], ...]) -> str | None:
    """Return a path below one of the places without what varies, None for any other."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    text = os.fsdecode(path)
    for root, name in places:
        if text.startswith(root):
            short = _RANDOM_SUFFIX.sub(" (temporary)", text.removeprefix(root))
            return name + _VARYING.sub("*", short)
    return None


def _methods(port: type) -> list[str]:
    return [
        name
        for name, member in vars(port).items()
        if callable(member) and not name.startswith("_") and not _READS.match(name)
    ]


def _implementations(port: type) -> list[type]:
    return port.__subclasses__()


def _called(command: processes.Command) -> str:
    """Name a command by its program and its subcommand."""
    words = [word for word in command.argv[1:3] if not word.startswith(("-", "/"))]
    return " ".join((_program(command.argv), *(words or command.argv[1:2])))


def _program(argv: Any) -> str:
    """Name the started program; the fork server is a script of this project."""
    if any(str(word).endswith("fork_server/server.py") for word in argv):
        return "the fork server"
    return Path(argv[0]).name


def _await_end(pid: int) -> None:
    """Wait until a process has done all it will, reaped or not."""
    limit = time.monotonic() + _UNHEARD_SECONDS
    while process_table.started_at(pid) is not None and time.monotonic() < limit:
        time.sleep(_POLL_SECONDS)


def kill_ourselves(_started: int | None) -> None:
    """Die at once, as by a failing machine."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def hold_and_kill_ourselves(started: int | None) -> None:
    """Die while the last started child comes no further until the test lets it."""
    if started is not None:
        os.kill(started, signal.SIGSTOP)
    kill_ourselves(started)


def kill_what_started(started: int | None) -> None:
    """End what was started last alone."""
    if started is not None:
        os.kill(started, signal.SIGKILL)


def kill_the_warm_millrace(_started: int | None) -> None:
    """End the fork server alone; the commands it runs continue."""
    for child in psutil.Process().children():
        if "fork_server/server" in " ".join(child.cmdline()):
            child.kill()


def kill_everything(variable: str, started: int | None) -> None:
    """End every process with this value of a variable, and this one: what a power cut does."""
    value = os.environ[variable]
    for other in psutil.process_iter():
        try:
            if other.pid != os.getpid() and other.environ().get(variable) == value:
                other.kill()
        except (psutil.Error, OSError):
            continue
    kill_ourselves(started)
