"""The two locks that order all commands of one workspace.

The lifecycle lock (exclusive) is for commands that start, validate or stop, and the watch lease
(shared) for commands that watch. Take the lease before the lifecycle lock, never after it.
"""

from __future__ import annotations

from pathlib import Path

from millracer.millrace.files.workspace import WorkspacePaths


def lifecycle_lock(paths: WorkspacePaths) -> Path:
    """Return the lock file that serialises starts, validations and stops."""
    return paths.locks / "daemon.lock"


def watch_lock(paths: WorkspacePaths) -> Path:
    """Return the file on which every watcher holds a shared lease."""
    return paths.locks / "watch.lock"
