"""Find the daemon of a workspace: the process that holds the runtime lock or is taking it.

Reads files and the process table; starts no process. A process is identified by pid and start time.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.work.runtime import OutOfSight, RunningDaemon
from millracer.millrace.daemon.log import has_ended
from millracer.millrace.daemon.ownership import find_owned_daemon, has_taken, is_daemon_command
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.state import CachedDocument, RuntimeFiles, Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile
from millracer.system import process_table
from millracer.system.file_systems import is_local
from millracer.system.proc import refuse_unseen

#: A process that started this much later than the lock was taken did not take it.
_REUSED_PID_SECONDS = 5.0


class DaemonFinder:
    """Finds the daemon of one workspace; cheap enough to call several times a second."""

    def __init__(self, paths: WorkspacePaths, files: RuntimeFiles) -> None:
        self._paths = paths
        self._files = files
        self._record = CachedDocument(paths.ownership, OwnershipRecord.model_validate_json)
        self._dead_for: tuple[Stamp | None, Stamp | None] | None = None

    def find(self) -> RunningDaemon | None:
        """Return the daemon that holds the lock, or the owned daemon that is taking it.

        A lock taken on another host, or by an owned daemon in another container, names a process
        that is not visible here. Without proof that the process is dead, the daemon counts as
        running and foreign.

        Raises:
            ProcUnavailable: the system does not show which processes live.
        """
        refuse_unseen()
        record = self._record.read()
        lock = self._files.lock.read()
        owned = self.find_owned()
        is_ours = record is not None and not record.kept
        holder = None if lock is None else find_holder(lock, record, self._paths)
        if holder is not None:
            is_owned = owned is not None and holder.pid == owned[0]
            if owned is not None and is_owned:
                holder = LockHolder(pid=owned[0], started=owned[1])
            return RunningDaemon(
                pid=holder.pid,
                started=holder.started,
                owned=is_ours and is_owned,
                mode_id=self._find_mode(record if is_owned else None),
                kept=is_owned and not is_ours,
                out_of_sight=holder.out_of_sight,
            )
        if owned is not None and record is not None:
            return RunningDaemon(
                pid=owned[0],
                started=owned[1],
                owned=is_ours,
                booting=True,
                mode_id=record.mode_id,
                kept=record.kept,
            )
        return None

    def find_any(self) -> RunningDaemon | None:
        """Return the daemon as `find` does, or a foreign one that has not taken the lock yet.

        Raises:
            ProcUnavailable: as `find`.
        """
        found = self.find()
        if found is not None:
            return found
        for pid, argv in process_table.command_lines():
            if is_daemon_command(argv) and _names_workspace(argv, pid, self._paths.root):
                started = process_table.started_at(pid)
                if started is not None:
                    return RunningDaemon(pid=pid, started=started, owned=False, booting=True)
        return None

    def find_owned(self) -> tuple[int, float] | None:
        """Return pid and start time of the living daemon in the ownership record, kept or not.

        A dead daemon is not searched again until the ownership file or the lock changes, so that a
        watch does not search the process table at every poll.
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

    def _find_mode(self, record: OwnershipRecord | None) -> str | None:
        snapshot = self._files.snapshot.read()
        if snapshot is not None and snapshot.process_running:
            return snapshot.active_mode_id
        return None if record is None else record.mode_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """The process that took Millrace's lock; `started` is the lock's time if it is not visible."""

    pid: int
    started: float
    out_of_sight: OutOfSight | None = None


def find_holder(
    lock: LockFile, record: OwnershipRecord | None, paths: WorkspacePaths
) -> LockHolder | None:
    """Return the process that took the lock, None if it is proved dead.

    Args:
        lock: Millrace's runtime lock.
        record: the ownership record.
        paths: the workspace's paths.
    """
    is_here = lock.owner_hostname == socket.gethostname()
    seen = _find_visible_holder(lock) if is_here else None
    if seen is not None:
        return seen
    may_be_unseen = not is_here or process_table.is_hidden(lock.owner_pid)
    is_alive = False
    if record is not None and has_taken(record, lock):
        ended = has_ended(paths, record)
        if ended and (not may_be_unseen or is_local(paths.logs)):
            return None
        # Processes that a dead daemon left may hold its log open, but they are visible here.
        is_alive = ended is False and not process_table.processes_with_token(record.token)
        if ended is False and not is_alive and is_here:
            return None
    if not (may_be_unseen or is_alive):
        return None
    return LockHolder(
        pid=lock.owner_pid,
        started=lock.acquired_at.timestamp(),
        out_of_sight=OutOfSight(
            host=lock.owner_hostname,
            since=lock.acquired_at,
            lock_file=str(paths.runtime_lock),
            is_alive=is_alive,
        ),
    )


def _find_visible_holder(lock: LockFile) -> LockHolder | None:
    """Return the living process on this host that took the lock, None if there is none visible."""
    started = process_table.started_at(lock.owner_pid)
    if started is None:
        return None
    is_reused = started > lock.acquired_at.timestamp() + _REUSED_PID_SECONDS
    if is_reused and not is_daemon_command(process_table.command_line(lock.owner_pid)):
        return None
    return LockHolder(pid=lock.owner_pid, started=started)


def _names_workspace(argv: Sequence[str], pid: int, root: Path) -> bool:
    """Whether a daemon's command line names this workspace (default: its working directory)."""
    cwd = process_table.working_directory(pid)
    if cwd is None:
        return False
    named = "."
    for argument, following in zip(argv, [*argv[1:], "."], strict=True):
        if argument == "--workspace":
            named = following
        elif argument.startswith("--workspace="):
            named = argument.partition("=")[2]
    return (cwd / named).resolve() == root.resolve()
