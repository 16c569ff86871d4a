"""Where things lie in a workspace: Millrace's folders, our `.millracer/`, and its file locks.

Millrace's folders are only read. Everything of ours lies below `.millracer/`, which ignores itself
in git; files are 0600, folders 0700, writes are atomic.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from millracer.errors import WorkspaceUnusable
from millracer.system.files import TEMPORARY_SUFFIX, remove_unlocked, write_atomically

_KEPT_LOGS = 20


@dataclass(frozen=True, slots=True)
class WorkspacePaths:
    """Every path we read or write in one workspace."""

    root: Path

    def is_named_by(self, path: str) -> bool:
        """Whether another program's path means this workspace, however it spells it."""
        try:
            return Path(path).is_absolute() and self.root.samefile(path)
        except (OSError, ValueError):  # it is not there, or no path at all
            return False

    @property
    def agents(self) -> Path:
        """Millrace's own folder; without it the directory holds no work."""
        return self.root / "millrace-agents"

    @property
    def state(self) -> Path:
        """Millrace's state folder: snapshot, lock, mailbox."""
        return self.agents / "state"

    @property
    def snapshot(self) -> Path:
        """Millrace's runtime snapshot, rewritten at every transition."""
        return self.state / "runtime_snapshot.json"

    @property
    def runtime_lock(self) -> Path:
        """The lock file that names the daemon's pid."""
        return self.state / "runtime_daemon.lock.json"

    @property
    def event_log(self) -> Path:
        """Millrace's event log, one JSON object a line, append only."""
        return self.agents / "logs" / "runtime_events.jsonl"

    @property
    def mailbox(self) -> Path:
        """Commands handed to a running daemon: incoming, processed, failed."""
        return self.state / "mailbox"

    def items(self, family: str, state: str) -> Path:
        """Return a family's folder (`tasks`, `specs`, …) in one state (`queue`, `done`, …)."""
        return self.agents / family / state

    @property
    def own(self) -> Path:
        """Our folder."""
        return self.root / ".millracer"

    @property
    def intake(self) -> Path:
        """Intake documents and verbatim requests."""
        return self.own / "intake"

    @property
    def locks(self) -> Path:
        """Our lock files."""
        return self.own / "locks"

    def item_lock(self, item_id: str) -> Path:
        """Return the lock file of one work item."""
        return self.locks / _item_lock(item_id)

    @property
    def logs(self) -> Path:
        """Output of daemons of ours."""
        return self.own / "logs"

    def remove_old_logs(self) -> None:
        """Keep the output of the last few daemons; what cannot be removed stays."""
        for log in sorted(self.logs.glob("daemon-*.log"))[:-_KEPT_LOGS]:
            with suppress(OSError):
                log.unlink()

    @property
    def ownership(self) -> Path:
        """The token, pid and start time of the daemon we started."""
        return self.own / "daemon.json"

    @property
    def stopped(self) -> Path:
        """Which daemon was stopped on purpose last, by `millracer stop`."""
        return self.own / "stopped.json"

    def make_own(self) -> None:
        """Create our folders, private and ignored by git; repeatable.

        Removes what a killed command left half written in them, and the locks of items that
        nobody holds.

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
            remove_unlocked(self.locks, _item_lock("*"))
        except OSError as exc:
            raise WorkspaceUnusable(
                f"workspace {self.root} cannot be written: {exc.strerror}",
                suggested_action="make the directory writable or pass another --workspace",
            ) from exc


def _item_lock(item_id: str) -> str:
    return f"item-{item_id}.lock"
