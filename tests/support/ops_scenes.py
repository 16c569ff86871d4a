"""What is different in the scene that a golden request is sent into."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from millracer.cancellation import CancelReason, Wait
from millracer.domain.doctor_report import Check, CheckLevel, CheckName, Finding
from millracer.domain.work.changes import Changes, FileChange, FileStatus
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeStatus
from millracer.domain.work.transcript import EntryKind, Transcript, TranscriptEntry
from millracer.errors import StoreUnavailable, ToolNotFound, ToolUnsupported
from millracer.testing.backend import ScriptedBackend
from millracer.testing.steps import NOW, Step, stage_runs, then
from tests.fakes.store import InMemorySessionStore
from tests.support.gateway import Desk

Prepare = Callable[[Desk], None]

_RECORDED = Path(__file__).parents[2] / "fixtures/millrace/0.21.1/status-fresh.json"

NO_MILLRACE = ToolNotFound(
    "millrace",
    "there is no program `millrace`",
    suggested_action="install millrace-ai, or pass --millrace-command",
)
OLD_MILLRACE = ToolUnsupported(
    "millrace", "Millrace 0.17.0 is not supported", suggested_action="install millrace-ai 0.21"
)


class RecordedMillrace(ScriptedBackend):
    """Prints the status that the real Millrace printed for a fresh workspace."""

    def read_status(self, wait: Wait) -> RuntimeStatus:
        status = super().read_status(wait)
        recorded = json.loads(json.loads(_RECORDED.read_text(encoding="utf-8"))["stdout"])
        return replace(status, raw=recorded | {"workspace": self.workspace})


class LostStore(InMemorySessionStore):
    """A store that cannot be opened."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"notices", "_now", "_workspaces", "_sessions"} or name.startswith("__"):
            return super().__getattribute__(name)
        raise StoreUnavailable(
            "the session store is locked by another program", suggested_action="try again"
        )


def has_blocked_item(desk: Desk) -> None:
    """Let Millrace hold an item that a stage has blocked."""
    millrace = desk.tools.backends
    millrace.holds("make-it-blue-1", ItemState.BLOCKED).runner_failure = "no API key"
    millrace.texts["make-it-blue-1"] = "Make the widget blue"
    millrace.stages.begin("make-it-blue-1", "builder", "run-1")
    millrace.stages.end("make-it-blue-1", "BLOCKED")
    entry = TranscriptEntry(kind=EntryKind.TOOL, text="make test", tool="bash", failed=True)
    millrace.stages.transcripts["request-1"] = Transcript(entries=(entry,), is_complete=True)


def holds_item(*steps: Step) -> Prepare:
    """Let Millrace hold a waiting item, and the watch of it see these steps."""

    def prepare(desk: Desk) -> None:
        desk.tools.backends.holds("make-it-blue-1", ItemState.QUEUED)
        desk.tools.backends.will_show(*steps)

    return prepare


def has_recorded_changes(desk: Desk) -> None:
    """Let the start of a blocked item's work be recorded, and one file have changed since."""
    has_blocked_item(desk)
    change = FileChange(path="widget.py", status=FileStatus.MODIFIED, added=1, removed=1)
    desk.tools.repositories.measured = Changes(files=(change,))
    desk.tools.repositories.text = "-grey\n+blue\n"
    desk.tools.repositories.starts.append(("make-it-blue-1", True))


def has_completed_item(desk: Desk) -> None:
    """Let Millrace hold an item that is done, with its recorded start and a known tree."""
    desk.tools.backends.holds("make-it-blue-1", ItemState.DONE, proven=True)
    desk.tools.repositories.measured = Changes(started_at=NOW, ended_at=NOW, base_commit="9" * 40)
    desk.tools.repositories.starts.append(("make-it-blue-1", True))
    desk.clock.advance((NOW - desk.clock.now()).total_seconds())


def has_no_proc(desk: Desk) -> None:
    """Let a diagnosis find that the system hides its processes."""
    finding = Finding(
        level=CheckLevel.FAIL, message="/proc is not mounted", next_command="mount /proc"
    )
    desk.tools.checks.append(Check(name=CheckName.PROC, finding=finding))


def shows(*steps: Step) -> Prepare:
    """Let the watch see these steps."""

    def prepare(desk: Desk) -> None:
        desk.tools.backends.will_show(*steps)

    return prepare


def fails(call: str, error: Exception) -> Prepare:
    """Let a call of Millrace fail."""

    def prepare(desk: Desk) -> None:
        desk.tools.backends.will_fail(call, error)

    return prepare


def refuses(error: ToolNotFound) -> Prepare:
    """Let no program be opened."""

    def prepare(desk: Desk) -> None:
        desk.tools.refusal = error

    return prepare


def is_cancelled(desk: Desk) -> None:
    """Let the caller interrupt while a stage runs."""
    interrupt = then(lambda: desk.cancellation.cancel(CancelReason.INTERRUPTED))
    desk.tools.backends.will_show(stage_runs("builder"), interrupt)


def says(*answers: str) -> Prepare:
    """Let pi answer so, turn by turn."""

    def prepare(desk: Desk) -> None:
        for answer in answers:
            desk.tools.pi.will_say(answer)

    return prepare


def has_no_store(desk: Desk) -> None:
    """Let the session store be locked for good."""
    desk.store = LostStore()


def is_nowhere(desk: Desk) -> None:
    """Let the directory the command runs in be gone."""
    desk.directories.here = None
