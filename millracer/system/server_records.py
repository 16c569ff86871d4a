"""The records of running servers: private files in the state folder, locked while a server runs.

The kernel frees the lock when the server ends, however it ends. A record that is not locked was
left by a server that was killed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from millracer.errors import UsageError, WorkspaceUnusable
from millracer.system.files import is_locked, try_lock, unwritable, write_atomically
from millracer.system.user_folders import make_private_folder

_FIRST = "serve.json"
_OTHERS = "serve-*.json"
_RUNS = ".runs"
_LOST = "serve.lost"

#: What a record holds: url, pid, started, token and more.
Record = dict[str, Any]


class HeldRecord:
    """The record of this server, until it is removed.

    Args:
        path: its file.
        descriptor: the locked descriptor of the file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @property
    def is_first(self) -> bool:
        """Whether no other server ran before."""
        return self.path.name == _FIRST

    def write(self, record: Record) -> None:
        """Store the record.

        Raises:
            WorkspaceUnusable: it cannot be written.
        """
        text = json.dumps(record, indent=2).encode("ascii") + b"\n"
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text, 0)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def save_runs(self, runs: list[dict[str, Any]]) -> None:
        """Store the list of the server's runs; an empty list removes it. Never raises."""
        _save_runs(self.path.with_suffix(_RUNS), runs)

    def remove(self) -> None:
        """Remove the record and free its lock; repeatable."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


class ServerRecords:
    """The records in one state folder.

    Args:
        folder: the state folder; it is created with the first record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def running(self) -> tuple[Record, ...]:
        """Return the records of the running servers that do not stop, the first server first."""
        return tuple(
            record
            for path in self._paths()
            if is_locked(path)
            and (record := _read(path)) is not None
            and record.get("is_stopping") is not True
        )

    def hold(self) -> HeldRecord:
        """Create the record of this server: `serve.json`, or another one beside it.

        Raises:
            WorkspaceUnusable: it cannot be created.
        """
        first = self._folder / _FIRST
        try:
            make_private_folder(self._folder)
            for path in (first, first.with_name(f"serve-{os.getpid()}.json")):
                descriptor = _lock(path)
                if descriptor is not None:
                    return HeldRecord(path, descriptor)
        except OSError as error:
            raise unwritable(first, error) from error
        raise UsageError(
            "another server with this process id runs",
            suggested_action=f"remove {self._folder}/serve-*.json if no server runs",
        )

    def take_lost_runs(self, held: HeldRecord) -> list[dict[str, Any]]:
        """Return the runs of servers that were killed, and remove their records.

        The runs are stored as lost until `store_lost_runs` replaces them.

        Args:
            held: the record of this server, whose own list is from a server before it.
        """
        found = _read_runs(self._lost)
        paths = dict.fromkeys((held.path, *self._paths()))
        taken = [path for path in paths if path == held.path or not is_locked(path)]
        for path in taken:
            found += [each for each in _read_runs(path.with_suffix(_RUNS)) if each not in found]
        self.store_lost_runs(found)
        for path in taken:
            with suppress(OSError):
                path.with_suffix(_RUNS).unlink(missing_ok=True)
                if path != held.path:
                    path.unlink(missing_ok=True)
        return found

    def store_lost_runs(self, runs: list[dict[str, Any]]) -> None:
        """Store the runs that no server continued; an empty list removes the file. Never raises."""
        _save_runs(self._lost, runs)

    @property
    def _lost(self) -> Path:
        return self._folder / _LOST

    def _paths(self) -> list[Path]:
        others = sorted(self._folder.glob(_OTHERS))
        return [self._folder / _FIRST, *others]


def _save_runs(path: Path, runs: list[dict[str, Any]]) -> None:
    with suppress(OSError, WorkspaceUnusable):
        if runs:
            write_atomically(path, json.dumps(runs))
        else:
            path.unlink(missing_ok=True)


def _read_runs(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a list of runs; those that are not objects are skipped."""
    found: object = None
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _lock(path: Path) -> int | None:
    """Return the locked descriptor of a private file; None if another process has locked it."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        if not try_lock(descriptor, shared=False):
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            os.fchmod(descriptor, 0o600)
            return descriptor
        os.close(descriptor)  # its server removed it before it was locked


def _read(path: Path) -> Record | None:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
