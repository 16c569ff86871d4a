"""A workspace whose `millrace` is the stand-in `tests/children/fake_millrace_daemon.py`."""

from __future__ import annotations

import json
import operator
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RuntimeStatus
from millracer.errors import ToolFailed
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.daemon import WorkspaceDaemon
from millracer.millrace.files.workspace import WorkspacePaths

_CHILDREN = Path(__file__).parent.parent / "children"
_SWEEP_SECONDS = 3.0
_POLL_SECONDS = 0.02
_FAKE_MILLRACE = (sys.executable, "-IS", str(_CHILDREN / "fake_millrace_daemon.py"))


@dataclass(frozen=True, slots=True)
class FakeDaemonSite:
    """The workspace, the stand-in's behaviour in it, and the calls it received."""

    root: Path

    @property
    def paths(self) -> WorkspacePaths:
        return WorkspacePaths(self.root)

    def behave(self, **behaviour: object) -> None:
        """Say how the stand-in behaves from its next start on."""
        (self.root / "fake.json").write_text(json.dumps(behaviour), encoding="utf-8")

    def initialise(self) -> None:
        """Leave what `millrace init` leaves, as far as the daemon's life needs it."""
        for folder in ("queue", "active", "done", "blocked"):
            self.paths.items("tasks", folder).mkdir(parents=True, exist_ok=True)
        for folder in ("incoming", "processed", "failed"):
            (self.paths.mailbox / folder).mkdir(parents=True, exist_ok=True)
        self.paths.event_log.parent.mkdir(parents=True, exist_ok=True)
        self.write_snapshot()

    def write_snapshot(self, **changes: object) -> None:
        document = {
            "process_running": False,
            "stop_requested": False,
            "paused": False,
            "active_mode_id": "lad_codex",
            "active_runs_by_plane": {},
            "updated_at": datetime.now(UTC).isoformat(),
            **changes,
        }
        self.paths.snapshot.write_text(json.dumps(document), encoding="utf-8")

    def queue_task(self, item_id: str) -> Path:
        path = self.paths.items("tasks", "queue") / f"{item_id}.md"
        path.write_text(f"# {item_id}\n", encoding="utf-8")
        return path

    def calls(self) -> list[str]:
        """Return the `millrace` commands so far, by their first two words."""
        log = self.root / "calls.log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def daemon(
        self,
        *,
        safety_seconds: float = 60.0,
        version: str = "0.21.1",
        status_reader: Callable[[Wait], RuntimeStatus] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> WorkspaceDaemon:
        return WorkspaceDaemon(
            MillraceCalls(argv=(*wrapper, *_FAKE_MILLRACE), workspace=self.root, cwd=self.root),
            self.paths,
            safety_seconds=safety_seconds,
            status_reader=status_reader or _refuse_status,
            version=lambda: version,
        )

    def start_foreign(self) -> subprocess.Popen[bytes]:
        """Start a daemon as a person would, and wait until it holds the lock."""
        foreign = self.spawn_foreign()
        wait_until(self.paths.runtime_lock.exists)
        return foreign

    def spawn_foreign(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_FAKE_MILLRACE, "run", "daemon", "--workspace", str(self.root)],
            start_new_session=True,
        )

    def living(self) -> list[psutil.Process]:
        """Return the stand-in's living processes of this workspace, detached ones included."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    _FAKE_MILLRACE[-1] in process.cmdline()
                    and process.status() != psutil.STATUS_ZOMBIE
                    and Path(process.cwd()) == self.root
                ) or str(self.root) in process.cmdline():
                    found.append(process)
        return found

    def sweep(self) -> None:
        """End everything that a test may have left, also what a daemon starts meanwhile."""
        # Without `psutil.wait_procs`, which needs the pidfd that a `portable` test removes.
        wait = Wait.for_seconds(_SWEEP_SECONDS)
        wait.until(self._kill_living, operator.not_, every=_POLL_SECONDS)

    def _kill_living(self) -> list[psutil.Process]:
        living = self.living()
        for process in living:
            with suppress(psutil.Error):
                process.kill()
        return living


def watched(
    item_id: str,
    state: ItemState = ItemState.QUEUED,
    *,
    kind: IntakeKind | None = IntakeKind.TASK,
    millrace_id: str | None = None,
) -> ItemStatus:
    """Return the looked-up status of the watched item."""
    return ItemStatus(
        item_id=item_id,
        state=state,
        source="a test",
        observed_at=datetime.now(UTC),
        kind=kind,
        millrace_id=millrace_id,
    )


def wait_until(holds: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Poll until something holds, or fail."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not come to hold in time"
        time.sleep(0.02)


def _refuse_status(_: Wait) -> RuntimeStatus:
    raise ToolFailed("millrace", "the status was not to be asked here")
