"""The ports of the runtime that does delegated work, and of its daemon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from contextlib import AbstractContextManager

    from millracer.cancellation import Wait
    from millracer.domain.commands import Commands
    from millracer.domain.models import AliasModel, StageModels
    from millracer.domain.new_workspace import WorkspaceFolder
    from millracer.domain.requests import IntakeKind, RequestBody
    from millracer.domain.run.evidence import Evidence
    from millracer.domain.run.observation import ChangeHints
    from millracer.domain.work.items import (
        ItemStatus,
        ListedItem,
        SubmitReceipt,
        UnfinishedItem,
        WorkItem,
    )
    from millracer.domain.work.runs import RunReport
    from millracer.domain.work.runtime import (
        CommandReply,
        ControlReceipt,
        DaemonEnd,
        JsonObject,
        ModeValidation,
        RunningDaemon,
        RuntimeEvent,
        RuntimeStatus,
    )
    from millracer.domain.work.stages import StageReport
    from millracer.domain.work.transcript import Transcript
    from millracer.errors import RunWarning


class DaemonControl(Protocol):
    """Starting, validating and stopping, under the workspace's exclusive lifecycle lock."""

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller, such as a failed repair after `end`."""
        return ()

    def running(self, wait: Wait) -> RunningDaemon | None:
        """Return the daemon that holds or is taking the lock, if one lives."""
        ...

    def validate_mode(self, mode: str, wait: Wait) -> ModeValidation:
        """Ask the backend whether a mode is valid; writes its plan, so never beside a daemon."""
        ...

    def set_stage_models(self, changes: tuple[AliasModel, ...], wait: Wait) -> None:
        """Give model aliases their model; effective with the next `validate_mode`.

        Writes the workspace's configuration, so never beside a daemon.

        Raises:
            ToolFailed: Millrace refused, a daemon runs, or this Millrace has no model aliases.
        """
        ...

    def resolve_mode(self, mode: str) -> str:
        """Return the mode's id with aliases resolved, without a call of Millrace."""
        ...

    def repair(self, wait: Wait) -> bool:
        """Clear the state that a dead daemon left; return whether there was any.

        No item is lost: an active one goes back to the queue.
        """
        ...

    def end(
        self, running: RunningDaemon, wait: Wait, *, despite_watchers: bool = False
    ) -> DaemonEnd:
        """End a daemon: an owned one by force if necessary, a foreign one only by request.

        Its interrupted work returns to the queue, and watching commands learn that it was stopped
        on purpose. An owned daemon that a command watches keeps running unless `despite_watchers`.
        Bounded by the wait.

        Raises:
            ToolFailed: Millrace refused to stop it.
        """
        ...

    def start(self, mode: str, wait: Wait) -> RunningDaemon:
        """Repair, start an owned daemon, and return once it lives (it may still be booting)."""
        ...


class WatchLease(Protocol):
    """A command's shared lease on a workspace's daemon while it watches."""

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller after `leave`."""
        return ()

    def next_hints(self, item: ItemStatus, wait: Wait) -> ChangeHints:
        """Block until something about the item or the daemon may have changed.

        Returns at once on the first call, on every change on disk, on the daemon's death, when the
        safety interval is over, and when the wait's deadline has passed.
        """
        ...

    def leave(self, wait: Wait, *, keep_daemon: bool) -> bool:
        """Release the lease; the last one to end stops an owned daemon unless `keep_daemon`.

        A stopped daemon's interrupted work returns to the queue. Returns whether an owned daemon
        keeps running. Never raises for what the daemon does; bounded by the wait. Repeatable.
        """
        ...


#: How often an observer polls for what the system does not report.
OBSERVER_POLL_SECONDS: Final = 1.0


class Observer(Protocol):
    """Watches a workspace without a lease."""

    def next_change(self, wait: Wait) -> None:
        """Block until something in the workspace may have changed, or the wait's deadline.

        Returns at once on the first call.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def close(self) -> None:
        """Stop watching; repeatable."""
        ...


class StatusStamps(Protocol):
    """Detects whether a workspace's status may have changed. Thread-safe."""

    def read(self) -> object | None:
        """Return a value that equals the last one while nothing changed that a status shows.

        Takes a fraction of a millisecond, and starts no program. It is None if it could not show a
        later change: something changed just now, or cannot be read. A daemon that has not taken
        its lock, and the text of a document that is written in place, change nothing here.
        """
        ...


class Supervisor(Protocol):
    """The daemon of one workspace: finds, watches, starts and stops it."""

    @property
    def owns_daemon(self) -> bool:
        """Whether an owned daemon may run here, even one that a killed command left behind."""
        ...

    def find(self) -> RunningDaemon | None:
        """Return the daemon that holds or is taking the lock; reads only disk and process table.

        Takes no lock and writes nothing: the daemon may have ended when the caller gets the answer.
        """
        ...

    def is_watched(self) -> bool:
        """Whether a command of Millracer watches here; reads the disk and writes nothing."""
        ...

    def is_stale(self, wait: Wait) -> bool:
        """Whether a dead daemon left state that the next start repairs; writes nothing.

        Raises:
            ToolError: the files do not show it, and Millrace cannot be asked.
        """
        ...

    def control(self, wait: Wait) -> AbstractContextManager[DaemonControl]:
        """Hold the workspace's lifecycle lock."""
        ...

    def lease(self, wait: Wait) -> WatchLease:
        """Take the shared lease of a watcher; `WatchLease.leave` releases it."""
        ...

    def observe(self, *, poll_seconds: float = OBSERVER_POLL_SECONDS) -> Observer:
        """Watch for changes without a lease: no command waits for an observer; it stops nothing.

        Writes nothing, and works where there is no workspace yet.

        Args:
            poll_seconds: how often the workspace is read for what the system does not report, such
                as a command that begins to watch.
        """
        ...

    def stamps(self) -> StatusStamps:
        """Return the stamps of what a status shows; keep them, as they keep what they parsed."""
        ...


class Backend(Protocol):
    """The runtime of one workspace."""

    @property
    def workspace(self) -> str:
        """The workspace's absolute path."""
        ...

    @property
    def version(self) -> str | None:
        """The version that `check_supported` found, also if it refused it; None before."""
        ...

    @property
    def is_initialised(self) -> bool:
        """Whether the workspace was ever initialised; reads the disk, starts no program."""
        ...

    @property
    def commands(self) -> Commands:
        """The shell commands about this workspace, for next steps."""
        ...

    @property
    def supervisor(self) -> Supervisor:
        """The workspace's daemon."""
        ...

    def warm_up(self) -> None:
        """Prepare for work that follows soon, without waiting; never raises, repeatable."""
        ...

    def check_supported(self, wait: Wait) -> str:
        """Return the version, or refuse it; called before anything is written or pi is asked.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: outside the supported range, or a broken install.
        """
        ...

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """Return an item's state, under every kind: queue, mailbox, inbox, derived spec."""
        ...

    def read_status(self, wait: Wait) -> RuntimeStatus:
        """Return Millrace's status."""
        ...

    def list_unfinished(self) -> tuple[UnfinishedItem, ...]:
        """Return all items that Millrace still works on or has blocked, each once.

        Active items come first, then queued ones, ideas in the inbox, items in the mailbox and
        blocked ones; within each group the newest first. A root spec whose lineage is still open
        counts, although its own document is done. Reads the disk and starts no program; never
        raises for bad files. A workspace that was never initialised has no items.
        """
        ...

    def list_items(self) -> tuple[ListedItem, ...]:
        """Return all items in any state, each once, the last written first.

        Reads the disk and starts no program; never raises for bad files. A workspace that was never
        initialised has no items.
        """
        ...

    def item_titles(self, item_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the titles in the documents of these items; one without a document is missing.

        Reads the disk and starts no program; cheaper than `list_items` for a few items.
        """
        ...

    def task_text(self, item_status: ItemStatus) -> str | None:
        """Return an item's request as it was given, else its document; None if it has neither.

        Reads the disk and starts no program.
        """
        ...

    def recent_events(self) -> tuple[RuntimeEvent, ...]:
        """Return the recent stage starts, router decisions and cancellations, the newest first.

        Reads only the end of the log on disk and starts no program; unreadable events are skipped.
        """
        ...

    def resolve_mode(self, mode: str) -> str:
        """Return the mode's id with aliases resolved as far as the version is known; no call."""
        ...

    def list_modes(self, wait: Wait) -> tuple[str, ...]:
        """Return the names of Millrace's modes, those for compatibility last.

        Needs no workspace, and writes nothing.

        Raises:
            ToolFailed: Millrace refused.
            ProtocolError: it named no mode.
        """
        ...

    def read_stage_models(self) -> StageModels:
        """Return the models of the stages of the mode that was compiled last.

        Reads the disk and starts no program.

        Raises:
            ProtocolError: no mode was compiled, or the files cannot be read.
        """
        ...

    def initialise(self, wait: Wait) -> None:
        """Make the workspace usable (`init`); repeatable.

        Raises:
            WorkspaceUnusable: missing, not a directory, or not writable.
        """
        ...

    def describe_folder(self, wait: Wait) -> WorkspaceFolder:
        """Return the backend's folder in the workspace: its size, and whether git shows it."""
        ...

    def ignore_folder(self) -> None:
        """Add the backend's folder to the workspace's `.gitignore`.

        Raises:
            WorkspaceUnusable: the file cannot be read or written.
        """
        ...

    def store_request(self, item: WorkItem, kind: IntakeKind, body: RequestBody) -> str:
        """Store a request as the document that `submit` adds; return the document's path.

        Raises:
            MillracerError: the document would differ from the request (`document_unsafe`).
        """
        ...

    def stored_requests(self) -> Iterable[tuple[str, str]]:
        """Yield item id and request hash of each document stored here."""
        ...

    def idea_of(self, item_id: str) -> str | None:
        """Return the id of the idea that an item was made from; None for any other item."""
        ...

    def submit(self, item: WorkItem, kind: IntakeKind, wait: Wait) -> SubmitReceipt:
        """Add a stored request to the queue, unless the item is there already.

        Two commands that submit the same item concurrently add it once. The receipt reports a
        cancellation during the add, with the item's state.

        Raises:
            ToolFailed: the backend refused the item; nothing was queued.
            ToolTimeout, ProtocolError: the add failed and the item is not there.
            Cancelled: the caller requested a stop before the add began.
        """
        ...

    def cancel_item(self, item_id: str, reason: str, wait: Wait) -> ControlReceipt:
        """Request the cancellation of a waiting or blocked item.

        Raises:
            ToolFailed: Millrace refused; it holds no such item that can be cancelled.
        """
        ...

    def retry_item(self, item_id: str, reason: str, wait: Wait) -> None:
        """Put a blocked item back into the queue; no daemon may run.

        Raises:
            ToolFailed: Millrace refused; it holds no such blocked item, or a daemon runs.
        """
        ...

    def pause(self, wait: Wait) -> ControlReceipt:
        """Request a pause: no new stage is started.

        Raises:
            ToolFailed: Millrace refused.
        """
        ...

    def resume(self, wait: Wait) -> ControlReceipt:
        """Request the end of the pause.

        Raises:
            ToolFailed: Millrace refused.
        """
        ...

    def await_reply(self, command_id: str, wait: Wait) -> CommandReply:
        """Return the daemon's reply to a pending command; `waiting` once the wait is over."""
        ...

    def trace_lineage(self, item_status: ItemStatus) -> Evidence:
        """Read the item's lineage and each member's state from Millrace's files.

        Starts no program and is cheap enough for every change hint. Stage results come from the
        runs' trace files. The answer is a reason to gather evidence, not the evidence of a result.
        """
        ...

    def evidence_files(self, evidence: Evidence) -> tuple[str, ...]:
        """Return the files that facts of `trace_lineage` come from, as paths in the workspace.

        Reads the disk and starts no program; a file that is missing is left out.
        """
        ...

    def digest_files(self, names: Iterable[str]) -> Mapping[str, str | None]:
        """Return the SHA-256 (hex) of each file in the workspace; None for one that is missing.

        Reads the disk and starts no program.
        """
        ...

    def stage_reports(self, item_ids: Iterable[str], wait: Wait) -> tuple[StageReport, ...]:
        """Return the stages that ran for these items, by start time.

        Includes stages that were cut off or have not ended. Reads the disk, starts no program, and
        skips unreadable files; an item without runs has no stages.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def stage_events(self, item_ids: Iterable[str]) -> tuple[RuntimeEvent, ...]:
        """Return the starts and ends of the stages of these items so far, in their order.

        Reads the disk and starts no program; events far back in the log may be missing.
        """
        ...

    def read_transcript(self, report: StageReport) -> Transcript:
        """Return what the agent of a stage said and did; empty if nothing was recorded.

        Reads the disk and starts no program.
        """
        ...

    def run_traces(self, item_ids: Iterable[str]) -> tuple[JsonObject, ...]:
        """Return Millrace's own traces of the runs of these items, the newest first.

        Reads the disk, starts no program, and skips unreadable files.
        """
        ...

    def list_runs(self, wait: Wait) -> tuple[RunReport, ...]:
        """Return all runs of the workspace without their traces, the newest first.

        Reads the disk, starts no program, and skips unreadable files.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def find_run(self, run_id: str, wait: Wait) -> RunReport | None:
        """Return one run with its trace, None if the workspace has no such run.

        Reads the disk and starts no program.
        """
        ...

    def gather_evidence(self, item_status: ItemStatus, wait: Wait) -> Evidence:
        """Gather all evidence that the gate needs about this item and its lineage, once."""
        ...
