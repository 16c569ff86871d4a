"""Makes a temporary copy of a workspace, for Millrace commands that write.

Only Millrace's own folder is copied, without the results of runs, mailbox contents and the lock.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout
from millracer.millrace.commands.calls import TOOL
from millracer.millrace.files.workspace import WorkspacePaths

#: Folders that grow with each run and that no copied query needs.
_LEFT_BY_RUNS = ("runs", "logs")


def copy_workspace(root: Path, into: Path, wait: Wait) -> None:
    """Copy a workspace's Millrace folder into an empty directory; links become their targets.

    A workspace that was never initialised stays empty.

    Raises:
        ToolTimeout: it is too large to be copied in time.
        OSError: it cannot be read, or the copy cannot be written.
    """
    source, target = WorkspacePaths(root), WorkspacePaths(into)
    if not source.agents.is_dir():
        return
    emptied = {
        *(source.agents / name for name in _LEFT_BY_RUNS),
        *(source.mailbox / name for name in ("incoming", "processed", "failed")),
    }

    def left_out(folder: str, names: list[str]) -> list[str]:
        wait.cancellation.raise_if_cancelled()
        if wait.expired:
            raise ToolTimeout(TOOL, f"{source.agents} is too large to be copied in time")
        if Path(folder) in emptied:
            return names
        return [name for name in names if Path(folder, name) == source.runtime_lock]

    shutil.copytree(source.agents, target.agents, ignore=left_out, ignore_dangling_symlinks=True)
