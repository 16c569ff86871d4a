"""One worker per host on this machine, and the proof that its last worker has ended.

The lock file is in the user's state folder. It names the process that holds it, so that the next
worker can prove that process dead: same boot, same pid namespace, and no process with that pid and
start. Without the proof the fleet waits until the host was silent for a while.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from millracer.errors import UsageError
from millracer.system.files import open_regular, try_lock, unwritable, write_atomically
from millracer.system.proc import shows_processes, start_mark
from millracer.system.user_folders import make_private_folder

_FOLDER = "fleet"
_INSTALLATION = "installation"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_MACHINE_ID = Path("/etc/machine-id")
_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    """What identifies a worker's process on its machine.

    Attributes:
        boot: the boot id; empty if the system has none.
        namespace: the pid namespace; empty if the system has none.
        pid: the process id.
        start: when it started, in the system's own unit; None if unknown.
    """

    boot: str
    namespace: str
    pid: int
    start: float | None

    @classmethod
    def current(cls) -> Self:
        """Return this process."""
        pid = os.getpid()
        return cls(boot=boot_id(), namespace=_namespace(), pid=pid, start=_start(pid))

    def is_proven_dead(self) -> bool:
        """Return whether the process has certainly ended, as seen from here."""
        if not self.boot or self.boot != boot_id() or self.namespace != _namespace():
            return False
        if self.start is None or not shows_processes():
            return False
        if not psutil.pid_exists(self.pid):
            return True
        start = _start(self.pid)
        return start is not None and start != self.start


class HostLock:
    """The lock of a host on this machine, held until `release` or the end of the process.

    Attributes:
        machine: the machine's id, with that of the state folder.
        process: this process.
        former: the last holder; None if there was none.
    """

    def __init__(
        self, descriptor: int, *, machine: str, process: WorkerProcess, former: WorkerProcess | None
    ) -> None:
        self._descriptor = descriptor
        self.machine = machine
        self.process = process
        self.former = former

    @classmethod
    def take(cls, host: str, state_folder: Path) -> Self:
        """Take the lock.

        Raises:
            UsageError: another worker of this host runs on this machine.
            WorkspaceUnusable: the state folder cannot be written.
        """
        folder = state_folder / _FOLDER
        path = folder / f"{host}.lock"
        try:
            make_private_folder(folder)
            descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise unwritable(path, error) from error
        with ExitStack() as opened:
            opened.callback(os.close, descriptor)
            is_free = try_lock(descriptor, shared=False)
            process, former = WorkerProcess.current(), _read(descriptor)
            # Some network file systems do not share the lock between processes.
            if not is_free or (former is not None and former != process and _is_alive(former)):
                raise _held(host, former)
            _write(descriptor, process, path)
            machine = f"{_machine_id()}:{_installation(folder)}"
            opened.pop_all()
        return cls(descriptor, machine=machine, process=process, former=former)

    @property
    def is_holder_dead(self) -> bool:
        """Whether the last holder is proven dead."""
        return self.former is not None and self.former.is_proven_dead()

    def release(self) -> None:
        """Free the lock; repeatable."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def boot_id() -> str:
    """Return the id of this boot; empty if the system has none."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


def _held(host: str, holder: WorkerProcess | None) -> UsageError:
    who = "" if holder is None else f" (process {holder.pid})"
    return UsageError(
        f"a worker of host {host} runs on this machine already{who}",
        code="fleet_host_held",
        suggested_action="use that one, stop it, or choose another name with --host",
    )


def _is_alive(process: WorkerProcess) -> bool:
    """Whether the process certainly runs, as seen from here."""
    if not process.boot or process.boot != boot_id() or process.namespace != _namespace():
        return False
    return process.start is not None and _start(process.pid) == process.start


def _namespace() -> str:
    with suppress(OSError):
        return str(_NAMESPACE.readlink())
    return ""


def _start(pid: int) -> float | None:
    try:
        return start_mark(pid)
    except (psutil.Error, OSError):
        return None


def _machine_id() -> str:
    with suppress(OSError):
        return _MACHINE_ID.read_text(encoding="ascii").strip()
    return platform.node()


def _installation(folder: Path) -> str:
    """Return the id of this state folder: containers often share the machine's id."""
    path = folder / _INSTALLATION
    with suppress(OSError, ValueError):
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    made = str(uuid.uuid4())
    write_atomically(path, f"{made}\n")
    return made


def _read(descriptor: int) -> WorkerProcess | None:
    try:
        found = json.loads(os.pread(descriptor, _LIMIT_BYTES, 0))
        start = found["start"]
        return WorkerProcess(
            boot=str(found["boot"]),
            namespace=str(found["namespace"]),
            pid=int(found["pid"]),
            start=None if start is None else float(start),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _write(descriptor: int, process: WorkerProcess, path: Path) -> None:
    text = json.dumps(asdict(process)).encode("ascii") + b"\n"
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
    except OSError as error:
        raise unwritable(path, error) from error
