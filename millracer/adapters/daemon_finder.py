"""Who runs Millrace in a workspace: the lock's owner, or a daemon on its way to the lock.

Reads files and the process table, starts nothing. A process is known by pid and start time.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from millracer.adapters import process
from millracer.adapters.daemon_log import has_ended
from millracer.adapters.ownership import find_owned_daemon, has_taken, is_daemon_command
from millracer.adapters.proc_folder import refuse_unseen
from millracer.adapters.runtime_files import CachedDocument, RuntimeFiles, Stamp, stamp
from millracer.adapters.workspace import WorkspacePaths
from millracer.contracts.millrace_state import LockFile
from millracer.contracts.ownership import OwnershipRecord
from millracer.domain.work import RunningDaemon

#: A process that started this much later than the lock was taken did not take it.
_REUSED_PID_SECONDS = 5.0


class DaemonFinder:
    """Looks for the daemon of one workspace; cheap enough to ask several times a second."""

    def __init__(self, paths: WorkspacePaths, files: RuntimeFiles) -> None:
        self._paths = paths
        self._files = files
        self._record = CachedDocument(paths.ownership, OwnershipRecord.model_validate_json)
        self._dead_for: tuple[Stamp | None, Stamp | None] | None = None

    def find(self) -> RunningDaemon | None:
        """Return the daemon that holds the lock, or the one of ours that is taking it.

        A lock of another host, or of a daemon of ours in another container, names a process we
        cannot see: its daemon counts as running, and as somebody else's.

        Raises:
            ProcUnavailable: `/proc` does not tell which processes live.
        """
        refuse_unseen()
        record = self._record.read()
        lock = self._files.lock.read()
        owned = self.find_owned()
        ours = record is not None and not record.kept
        holder = None if lock is None else self._holder(lock, record)
        if holder is not None:
            is_owned = owned is not None and holder[0] == owned[0]
            return RunningDaemon(
                pid=holder[0],
                started=holder[1],
                ours=ours and is_owned,
                mode_id=self._mode(record if is_owned else None),
                kept=is_owned and not ours,
            )
        if owned is not None and record is not None:
            return RunningDaemon(
                pid=owned[0],
                started=owned[1],
                ours=ours,
                booting=True,
                mode_id=record.mode_id,
                kept=record.kept,
            )
        return None

    def find_any(self) -> RunningDaemon | None:
        """Return the daemon as `find` does, or someone else's that has not taken the lock yet.

        Raises:
            ProcUnavailable: as `find`.
        """
        found = self.find()
        if found is not None:
            return found
        for pid, argv in process.command_lines():
            if is_daemon_command(argv) and _works_in(argv, pid, self._paths.root):
                started = process.started_at(pid)
                if started is not None:
                    return RunningDaemon(pid=pid, started=started, ours=False, booting=True)
        return None

    def find_owned(self) -> tuple[int, float] | None:
        """Return pid and start time of the living daemon the ownership file speaks of, kept or not.

        Once found dead it stays dead until the ownership file or the lock changes, so that a watch
        does not search the process table at every poll.
        """
        record = self._record.read()
        if record is None:
            return None
        seen = (stamp(self._paths.ownership), stamp(self._paths.runtime_lock))
        if self._dead_for == seen:
            return None
        lock = self._files.lock.read()
        owned = find_owned_daemon(record, lock_pid=None if lock is None else lock.owner_pid)
        self._dead_for = seen if owned is None else None
        return owned

    def _holder(self, lock: LockFile, record: OwnershipRecord | None) -> tuple[int, float] | None:
        holder = lock_holder(lock)
        if holder is not None or record is None or not has_taken(record, lock):
            return holder
        # What a dead one left may have its log, but is here to be seen.
        is_out_of_sight = has_ended(
            self._paths, record
        ) is False and not process.processes_with_token(record.token)
        return (lock.owner_pid, lock.acquired_at.timestamp()) if is_out_of_sight else None

    def _mode(self, record: OwnershipRecord | None) -> str | None:
        snapshot = self._files.snapshot.read()
        if snapshot is not None and snapshot.process_running:
            return snapshot.active_mode_id
        return None if record is None else record.mode_id


def lock_holder(lock: LockFile) -> tuple[int, float] | None:
    """Return pid and start time of the process that took the lock, if it lives or may live."""
    acquired = lock.acquired_at.timestamp()
    if lock.owner_hostname != socket.gethostname():
        return lock.owner_pid, acquired
    started = process.started_at(lock.owner_pid)
    if started is None:
        return (lock.owner_pid, acquired) if process.is_hidden(lock.owner_pid) else None
    is_reused = started > acquired + _REUSED_PID_SECONDS
    if is_reused and not is_daemon_command(process.command_line(lock.owner_pid)):
        return None
    return lock.owner_pid, started


def _works_in(argv: Sequence[str], pid: int, root: Path) -> bool:
    """Whether a daemon's command line means this workspace; its default is where it was started."""
    cwd = process.working_directory(pid)
    if cwd is None:
        return False
    named = "."
    for argument, following in zip(argv, [*argv[1:], "."], strict=True):
        if argument == "--workspace":
            named = following
        elif argument.startswith("--workspace="):
            named = argument.partition("=")[2]
    return (cwd / named).resolve() == root.resolve()
