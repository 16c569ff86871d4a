"""Find the owned daemon by the ownership record and the processes that carry its token.

The record is written before the daemon is started and again after it, so a command that dies
between the two leaves a token by which the daemon is found. If the record is missing or unreadable,
no daemon is owned: a running daemon is watched but never ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import psutil
from pydantic import ValidationError

from millracer.domain.work.runtime import RunningDaemon
from millracer.millrace.daemon.ownership_record import OwnershipRecord, StoppedRecord
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile
from millracer.system import process_table
from millracer.system.files import read_regular, write_atomically
from millracer.system.proc import start_time

#: A daemon takes the lock this soon after its start, or its start has failed.
_TAKES_LOCK_SECONDS = 60.0
#: The inaccuracy of start times.
_ROUGH_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A living process that carries the token."""

    pid: int
    started: float
    argv: tuple[str, ...]


def read_ownership(paths: WorkspacePaths) -> OwnershipRecord | None:
    """Return the ownership record, None if it is missing or unreadable: no daemon is owned."""
    try:
        return OwnershipRecord.model_validate_json(read_regular(paths.ownership))
    except (OSError, ValidationError):
        return None


def write_ownership(paths: WorkspacePaths, record: OwnershipRecord) -> None:
    """Replace the record atomically, with mode 0600."""
    write_atomically(paths.ownership, record.model_dump_json(indent=2) + "\n")


def forget_ownership(paths: WorkspacePaths) -> None:
    """Remove the record, best effort: a record that remains names no living process."""
    with suppress(OSError):
        paths.ownership.unlink()


def note_stopped(paths: WorkspacePaths, daemon: RunningDaemon) -> None:
    """Record that this daemon is stopped on purpose, for the commands that watch it."""
    record = StoppedRecord(pid=daemon.pid, started=daemon.started)
    write_atomically(paths.stopped, record.model_dump_json() + "\n")


def was_stopped(paths: WorkspacePaths, daemon: RunningDaemon) -> bool:
    """Whether this daemon was stopped on purpose."""
    try:
        record = StoppedRecord.model_validate_json(read_regular(paths.stopped))
    except (OSError, ValidationError):
        return False
    return record.pid == daemon.pid and process_table.is_same_start(record.started, daemon.started)


def find_owned_daemon(
    record: OwnershipRecord, *, lock_pid: int | None = None
) -> tuple[int, float] | None:
    """Return pid and start time of the record's daemon, None if it does not live.

    Args:
        record: the ownership record.
        lock_pid: the process that Millrace's lock names. It decides which process is the daemon if
            the record lacks its pid because a command died, or has the pid of a wrapper that runs
            Millrace as its child.
    """
    if lock_pid not in {None, record.pid} and process_table.carries_token(lock_pid, record.token):
        started = process_table.started_at(lock_pid)
        if started is not None:
            return lock_pid, started
    if (
        record.pid is not None
        and record.started is not None
        and process_table.is_same_process(record.pid, record.started)
    ):
        return record.pid, record.started
    daemon = choose_daemon(_find_carriers(record.token), lock_pid=lock_pid)
    return None if daemon is None else (daemon.pid, daemon.started)


def has_taken(record: OwnershipRecord, lock: LockFile) -> bool:
    """Whether the record's daemon, living or dead, took this lock."""
    if record.pid != lock.owner_pid or record.started is None:
        return False
    after = lock.acquired_at.timestamp() - record.started
    return -_ROUGH_SECONDS <= after <= _TAKES_LOCK_SECONDS


def choose_daemon(carriers: Iterable[Carrier], *, lock_pid: int | None) -> Carrier | None:
    """Return the daemon among its token's carriers; stage runners and their tools carry it too.

    It is the process that Millrace's lock names, else the oldest with a daemon's command line: a
    child that has not executed its program yet shows its parent's command line.
    """
    ordered = sorted(carriers, key=lambda carrier: carrier.started)
    for carrier in ordered:
        if carrier.pid == lock_pid:
            return carrier
    return next((carrier for carrier in ordered if is_daemon_command(carrier.argv)), None)


def is_daemon_command(argv: tuple[str, ...]) -> bool:
    """Whether a command line is `millrace run daemon`."""
    return ("run", "daemon") in pairwise(argv)


def _find_carriers(token: str) -> list[Carrier]:
    carriers = []
    for found in process_table.processes_with_token(token):
        with suppress(psutil.Error, OSError):
            carriers.append(
                Carrier(
                    pid=found.pid, started=start_time(found), argv=process_table.words_of(found)
                )
            )
    return carriers
