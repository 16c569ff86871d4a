"""Remove a stale runtime lock that Millrace cannot clear itself.

Millrace identifies the owner of a lock by its pid alone. After a reboot another process may have
that pid, and a dead daemon that its parent has not reaped keeps it too. Then Millrace considers the
lock held forever: `clear-stale-state` goes to a mailbox that no daemon reads, and no daemon starts.
Millracer removes the lock only with proof that its daemon is dead: see
docs/decisions/0006-a-lock-is-removed-only-with-proof.md.
"""

from __future__ import annotations

from millracer.errors import ToolFailed
from millracer.millrace.commands.calls import TOOL
from millracer.millrace.daemon.find import find_holder
from millracer.millrace.daemon.log import has_ended
from millracer.millrace.daemon.ownership import has_taken
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.state import RuntimeFiles, stamp
from millracer.system import process_table
from millracer.system.files import unwritable


def remove_stranded_lock(files: RuntimeFiles, record: OwnershipRecord | None) -> None:
    """Remove the lock if an owned daemon took it and has ended, but its pid is in use.

    Call under the lifecycle lock, if no daemon is found.

    Args:
        files: the workspace's state files.
        record: the ownership record, which may have been removed since.

    Raises:
        ToolFailed: for Millrace the lock belongs to a living daemon, and nothing proves that it
            does not.
        WorkspaceUnusable: the lock cannot be removed.
    """
    seen = stamp(files.paths.runtime_lock)
    lock = files.lock.read()
    if lock is None or not process_table.is_pid_taken(lock.owner_pid):
        return  # there is no lock, or Millrace clears it itself
    if find_holder(lock, record, files.paths) is not None:
        return
    if record is None or not has_taken(record, lock) or not has_ended(files.paths, record):
        raise ToolFailed(
            TOOL,
            f"the workspace is locked for process {lock.owner_pid}, which is not a Millrace daemon",
            suggested_action="check that no Millrace daemon runs in this workspace, then remove "
            f"{files.paths.runtime_lock}",
        )
    if stamp(files.paths.runtime_lock) == seen:
        try:
            files.paths.runtime_lock.unlink(missing_ok=True)
        except OSError as exc:
            raise unwritable(files.paths.runtime_lock, exc) from exc
