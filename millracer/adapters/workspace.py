"""Where things lie in a workspace: Millrace's folders, our `.millracer/`, and its file locks.

Millrace's folders are only read. Everything of ours lies below `.millracer/`, which ignores itself
in git; files are 0600, folders 0700, writes are atomic.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from millracer.errors import ToolTimeout, WorkspaceUnusable
from millracer.waiting import Wait

_LOCK_POLL_SECONDS = 0.05
_TEMPORARY = ".tmp"
_KEPT_LOGS = 20


@dataclass(frozen=True, slots=True)
class WorkspacePaths:
    """Every path we read or write in one workspace."""

    root: Path

    def is_named_by(self, path: str) -> bool:
        """Whether another program's path means this workspace, however it spells it."""
        try:
            return Path(path).is_absolute() and self.root.samefile(path)
        except (OSError, ValueError):  # it is not there, or no path at all
            return False

    @property
    def agents(self) -> Path:
        """Millrace's own folder; without it the directory holds no work."""
        return self.root / "millrace-agents"

    @property
    def state(self) -> Path:
        """Millrace's state folder: snapshot, lock, mailbox."""
        return self.agents / "state"

    @property
    def snapshot(self) -> Path:
        """Millrace's runtime snapshot, rewritten at every transition."""
        return self.state / "runtime_snapshot.json"

    @property
    def runtime_lock(self) -> Path:
        """The lock file that names the daemon's pid."""
        return self.state / "runtime_daemon.lock.json"

    @property
    def event_log(self) -> Path:
        """Millrace's event log, one JSON object a line, append only."""
        return self.agents / "logs" / "runtime_events.jsonl"

    @property
    def mailbox(self) -> Path:
        """Commands handed to a running daemon: incoming, processed, failed."""
        return self.state / "mailbox"

    def items(self, family: str, state: str) -> Path:
        """Return a family's folder (`tasks`, `specs`, …) in one state (`queue`, `done`, …)."""
        return self.agents / family / state

    @property
    def own(self) -> Path:
        """Our folder."""
        return self.root / ".millracer"

    @property
    def intake(self) -> Path:
        """Intake documents and verbatim requests."""
        return self.own / "intake"

    @property
    def locks(self) -> Path:
        """Our lock files."""
        return self.own / "locks"

    def item_lock(self, item_id: str) -> Path:
        """Return the lock file of one work item."""
        return self.locks / _item_lock(item_id)

    @property
    def logs(self) -> Path:
        """Output of daemons of ours."""
        return self.own / "logs"

    def remove_old_logs(self) -> None:
        """Keep the output of the last few daemons; what cannot be removed stays."""
        for log in sorted(self.logs.glob("daemon-*.log"))[:-_KEPT_LOGS]:
            with suppress(OSError):
                log.unlink()

    @property
    def ownership(self) -> Path:
        """The token, pid and start time of the daemon we started."""
        return self.own / "daemon.json"

    @property
    def stopped(self) -> Path:
        """Which daemon was stopped on purpose last, by `millracer stop`."""
        return self.own / "stopped.json"

    def make_own(self) -> None:
        """Create our folders, private and ignored by git; repeatable.

        Removes what a killed command left half written in them, and the locks of items that
        nobody holds.

        Raises:
            WorkspaceUnusable: the workspace is missing or not writable.
        """
        if not self.root.is_dir():
            raise WorkspaceUnusable(
                f"workspace {self.root} is not a directory",
                suggested_action="create the directory or pass another --workspace",
            )
        try:
            for folder in (self.own, self.intake, self.locks, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            ignore = self.own / ".gitignore"
            if not ignore.exists():
                write_atomically(ignore, "*\n")
            for folder in (self.own, self.intake):
                _remove_unheld(folder, f".*{_TEMPORARY}")
            _remove_unheld(self.locks, _item_lock("*"))
        except OSError as exc:
            raise WorkspaceUnusable(
                f"workspace {self.root} cannot be written: {exc.strerror}",
                suggested_action="make the directory writable or pass another --workspace",
            ) from exc


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, 0600, on disk before it appears; a crash leaves old or new.

    What a killed command left half written is removed by `WorkspacePaths.make_own`.
    """
    try:
        _write_atomically(path, text)
    except OSError as exc:
        raise unwritable(path, exc) from exc


def unwritable(path: Path, error: OSError) -> WorkspaceUnusable:
    """Say that a file of ours cannot be written, and why."""
    return WorkspaceUnusable(
        f"{path} cannot be written: {error.strerror}",
        suggested_action=f"make room, or make {path.parent} writable",
    )


def _write_atomically(path: Path, text: str) -> None:
    descriptor, temporary = _new_temporary(path)
    try:
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="surrogatepass", newline=""
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _new_temporary(path: Path) -> tuple[int, str]:
    """Make a file beside `path`; while its descriptor is open its lock says that we live."""
    while True:
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY
        )
        if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # another command took it for an abandoned one before it was locked


def _item_lock(item_id: str) -> str:
    return f"item-{item_id}.lock"


def _remove_unheld(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        with suppress(OSError):  # another command was faster
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                # One that is removed already says nothing of what took its name since.
                if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
                    path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def locked(path: Path, wait: Wait, *, shared: bool = False) -> Iterator[int]:
    """Hold a file lock (flock) and yield its descriptor; the kernel frees it when we die.

    Raises:
        WorkspaceUnusable: the file cannot be made, or not be locked.
        ToolTimeout: another process held it until the deadline.
        Cancelled: the caller asked to stop.
    """
    descriptor = _lock(path, wait, shared=shared)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(path: Path, wait: Wait, *, shared: bool) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise unwritable(path, exc) from exc
        try:
            _await_lock(descriptor, path, wait, shared=shared)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except OSError as exc:
            os.close(descriptor)
            raise unwritable(path, exc) from exc
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed before it was locked: others lock a new one


def _await_lock(descriptor: int, path: Path, wait: Wait, *, shared: bool) -> None:
    while not try_lock(descriptor, shared=shared):
        if wait.expired:
            raise ToolTimeout(
                "millrace",
                f"another process holds {path}",
                suggested_action="wait for the other millracer command, or end it",
            )
        wait.sleep(_LOCK_POLL_SECONDS)


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take or convert a file lock without waiting; return whether it is held now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def opened_lock(path: Path) -> Iterator[int]:
    """Yield the descriptor of a lock file, not locked yet; its lock ends with the block.

    Raises:
        WorkspaceUnusable: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds a file lock, shared or not; one that was never made is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=False)
    except OSError:
        return False
    finally:
        os.close(descriptor)
