"""A lock of Millrace's that Millrace itself cannot clear, which we remove.

Millrace tells the owner of a lock by its pid alone. After a reboot that pid may be anybody's, and a
dead daemon that nobody reaps keeps it too. To Millrace the lock is then held for ever:
`clear-stale-state` goes to a mailbox that nobody empties, and no daemon starts. We remove it with
proof alone: see docs/decisions/0006-a-lock-is-removed-only-with-proof.md.
"""

from __future__ import annotations

from millracer.errors import ToolFailed
from millracer.millrace.commands.calls import TOOL
from millracer.millrace.daemon.find import find_holder
from millracer.millrace.daemon.log import has_ended
from millracer.millrace.daemon.ownership import has_taken
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.state import RuntimeFiles, stamp
from millracer.system import processes
from millracer.system.files import unwritable


def remove_stranded_lock(files: RuntimeFiles, record: OwnershipRecord | None) -> None:
    """Remove the lock if a daemon of ours took it and is gone, and its pid is not.

    Call under the lifecycle lock, where no daemon is found.

    Args:
        files: the workspace's.
        record: the ownership file's, which may have been removed since.

    Raises:
        ToolFailed: Millrace takes the lock for a living daemon's, and nothing proves that it is
            not.
        WorkspaceUnusable: it cannot be removed.
    """
    seen = stamp(files.paths.runtime_lock)
    lock = files.lock.read()
    if lock is None or not processes.is_pid_taken(lock.owner_pid):
        return  # there is none, or Millrace clears it itself
    if find_holder(lock, record, files.paths) is not None:
        return
    if record is None or not has_taken(record, lock) or not has_ended(files.paths, record):
        raise ToolFailed(
            TOOL,
            f"the workspace is locked for process {lock.owner_pid}, which is no Millrace daemon",
            suggested_action="make sure that no Millrace works in this workspace, then remove "
            f"{files.paths.runtime_lock}",
        )
    if stamp(files.paths.runtime_lock) == seen:
        try:
            files.paths.runtime_lock.unlink(missing_ok=True)
        except OSError as exc:
            raise unwritable(files.paths.runtime_lock, exc) from exc
