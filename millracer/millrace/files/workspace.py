"""Paths in a workspace: Millrace's folders, Millracer's `.millracer/` and its file locks.

Millrace's folders are only read. All of Millracer's files are in `.millracer/`, which git ignores.
Files are 0600, folders 0700, and writes are atomic.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from millracer.errors import WorkspaceUnusable
from millracer.system.files import TEMPORARY_SUFFIX, remove_unlocked, write_atomically

_KEPT_DAEMON_LOGS = 20
_KEPT_WATCH_LOGS = 200


@dataclass(frozen=True, slots=True)
class WorkspacePaths:
    """Every path that Millracer reads or writes in one workspace."""

    root: Path

    def is_named_by(self, path: str) -> bool:
        """Whether another program's path is this workspace, in any spelling."""
        try:
            return Path(path).is_absolute() and self.root.samefile(path)
        except (OSError, ValueError):  # it does not exist, or is not a valid path
            return False

    @property
    def agents(self) -> Path:
        """Millrace's folder; without it the directory holds no work."""
        return self.root / "millrace-agents"

    @property
    def state(self) -> Path:
        """Millrace's state folder: snapshot, runtime lock and mailbox."""
        return self.agents / "state"

    @property
    def snapshot(self) -> Path:
        """Millrace's runtime snapshot, rewritten at every transition."""
        return self.state / "runtime_snapshot.json"

    @property
    def runtime_lock(self) -> Path:
        """Millrace's runtime lock file, which names the daemon's pid."""
        return self.state / "runtime_daemon.lock.json"

    @property
    def event_log(self) -> Path:
        """Millrace's event log: one JSON object per line, append-only."""
        return self.agents / "logs" / "runtime_events.jsonl"

    @property
    def mailbox(self) -> Path:
        """Commands to a running daemon, in the folders incoming, processed and failed."""
        return self.state / "mailbox"

    def items(self, family: str, state: str) -> Path:
        """Return a family's folder (`tasks`, `specs`, …) in one state (`queue`, `done`, …)."""
        return self.agents / family / state

    @property
    def own(self) -> Path:
        """Millracer's folder."""
        return self.root / ".millracer"

    @property
    def intake(self) -> Path:
        """The folder of intake documents and verbatim requests."""
        return self.own / "intake"

    @property
    def locks(self) -> Path:
        """The folder of Millracer's lock files."""
        return self.own / "locks"

    def item_lock(self, item_id: str) -> Path:
        """Return the lock file of one work item."""
        return self.locks / _item_lock_name(item_id)

    @property
    def logs(self) -> Path:
        """The folder with the output of owned daemons."""
        return self.own / "logs"

    @property
    def changes(self) -> Path:
        """The folder with the recorded starts and ends of work items."""
        return self.own / "changes"

    @property
    def item_logs(self) -> Path:
        """The folder with the event logs of work items."""
        return self.own / "items"

    @property
    def fleet(self) -> Path:
        """The folder of the fleet's worker: identity, lock and lease of this checkout."""
        return self.own / "fleet"

    def remove_old_logs(self) -> None:
        """Remove the output of all but the last 20 daemons and 200 watchers, best effort."""
        daemons = sorted(self.logs.glob("daemon-*.log"))
        watchers = sorted(self.logs.glob("watch-*.log"), key=_written_at)
        for log in (*daemons[:-_KEPT_DAEMON_LOGS], *watchers[:-_KEPT_WATCH_LOGS]):
            with suppress(OSError):
                log.unlink()

    @property
    def ownership(self) -> Path:
        """The ownership record: token, pid and start time of the owned daemon."""
        return self.own / "daemon.json"

    @property
    def stopped(self) -> Path:
        """The record of the daemon that `millracer stop` stopped last."""
        return self.own / "stopped.json"

    def make_own(self) -> None:
        """Create Millracer's folders, private and ignored by git; repeatable.

        Removes temporary files that a killed command left, and item locks that no process holds.

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
                remove_unlocked(folder, f".*{TEMPORARY_SUFFIX}")
            remove_unlocked(self.locks, _item_lock_name("*"))
        except OSError as exc:
            raise WorkspaceUnusable(
                f"workspace {self.root} cannot be written: {exc.strerror}",
                suggested_action="make the directory writable or pass another --workspace",
            ) from exc


def _item_lock_name(item_id: str) -> str:
    return f"item-{item_id}.lock"


def _written_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # another process removed it
        return 0.0
