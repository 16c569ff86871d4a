"""A lock of Millrace's that Millrace itself cannot clear, which we remove.

Millrace tells the owner of a lock by its pid alone. After a reboot that pid may be anybody's, and a
dead daemon that nobody reaps keeps it too. To Millrace the lock is then held for ever:
`clear-stale-state` goes to a mailbox that nobody empties, and no daemon starts.
"""

from __future__ import annotations

from millracer.adapters import process
from millracer.adapters.daemon_finder import lock_holder
from millracer.adapters.runtime_files import RuntimeFiles
from millracer.adapters.workspace import unwritable


def remove_stranded_lock(files: RuntimeFiles) -> None:
    """Remove the lock if the daemon that took it is gone and its pid is not.

    Call under the lifecycle lock, where no daemon runs.

    Raises:
        WorkspaceUnusable: it cannot be removed.
    """
    lock = files.lock.read()
    if lock is None or lock_holder(lock) is not None or not process.is_pid_taken(lock.owner_pid):
        return
    try:
        files.paths.runtime_lock.unlink(missing_ok=True)
    except OSError as exc:
        raise unwritable(files.paths.runtime_lock, exc) from exc
