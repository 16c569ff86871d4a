"""The `Backend` port on the real `millrace` command, for one workspace.

Queries and intake are here and in the sibling packages, the daemon is in `daemon`. Only facts that
cannot change are kept between calls: the version, and that the workspace is initialised.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.models import StageModels
from millracer.domain.new_workspace import WorkspaceFolder
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.evidence import Evidence
from millracer.domain.work.items import (
    ItemStatus,
    ListedItem,
    SubmitReceipt,
    UnfinishedItem,
    WorkItem,
)
from millracer.domain.work.runs import RunReport, newest_first
from millracer.domain.work.runtime import (
    CommandReply,
    ControlReceipt,
    JsonObject,
    RuntimeEvent,
    RuntimeStatus,
)
from millracer.domain.work.stages import StageReport
from millracer.domain.work.transcript import Transcript
from millracer.errors import ProtocolError, WorkspaceUnusable
from millracer.millrace.commands.calls import (
    TOOL,
    WRONG_PROGRAM,
    MillraceCalls,
    refusal,
    useful_line,
)
from millracer.millrace.commands.mode_aliases import resolve_alias
from millracer.millrace.commands.queries import MillraceQuestions
from millracer.millrace.commands.version import find_version, require_supported
from millracer.millrace.daemon.daemon import WorkspaceDaemon
from millracer.millrace.evidence.gather import MillraceEvidence
from millracer.millrace.evidence.lineage import MillraceLineage
from millracer.millrace.evidence.stages import StageReports
from millracer.millrace.evidence.traces import TraceFiles
from millracer.millrace.files.configuration import keep_transcripts
from millracer.millrace.files.event_log import recent_events, stage_events
from millracer.millrace.files.folders import IDEA_PREFIX, SUFFIX
from millracer.millrace.files.items.ideas import idea_of_spec
from millracer.millrace.files.items.listing import item_titles, list_items
from millracer.millrace.files.items.partial_add import remove_half_added
from millracer.millrace.files.items.status import MillraceItems
from millracer.millrace.files.items.unfinished import list_unfinished
from millracer.millrace.files.mailbox import find_reply
from millracer.millrace.files.new_folder import describe_folder, ignore_folder
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.documents import (
    document_file_name,
    render_document,
    request_file_name,
    verify_document,
)
from millracer.millrace.intake.fields import request_hash_in
from millracer.millrace.shell import MillraceCommands
from millracer.millrace.stage_models import read_stage_models
from millracer.millrace.status_cache import StatusCache
from millracer.millrace.submission import ItemLock, await_reply, submit_once
from millracer.millrace.wire.json_documents import StatusDocument, parse, parse_object
from millracer.millrace.wire.text_output import (
    AddReceipt,
    is_duplicate,
    parse_control,
    parse_modes,
    parse_receipt,
)
from millracer.millrace.wire.traceback import exception_line
from millracer.ports import Backend
from millracer.system.files import locked, read_regular_text, write_atomically
from millracer.system.processes import Completed


def utc_now() -> datetime:
    """Return the wall clock's time in UTC."""
    return datetime.now(UTC)


class CliMillrace(Backend):
    """One workspace's Millrace, called through its command line.

    Args:
        calls: the program and the workspace.
        is_found: commands find this program without `--millrace-command`.
        safety_seconds: the longest time between two reads of a watch without a change hint.
        kept: the status cache of a resident process; None calls Millrace for every status.
        now: the wall clock.
    """

    def __init__(
        self,
        calls: MillraceCalls,
        *,
        safety_seconds: float,
        is_found: bool = False,
        kept: StatusCache | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._calls = calls
        self._paths = WorkspacePaths(calls.workspace)
        self._now = now
        self._is_found = is_found
        self._kept = kept
        self._version: str | None = None  # also of a Millrace that was refused
        self._supported: str | None = None
        self._questions = MillraceQuestions(calls)
        self._items = MillraceItems(questions=self._questions, paths=self._paths, now=now)
        self._lineage = MillraceLineage(self._paths, now)
        self._evidence = MillraceEvidence(
            questions=self._questions, items=self._items, lineage=self._lineage, now=now
        )
        self._traces = TraceFiles(self._paths)
        self._stage_reports = StageReports(self._paths, self._lineage.find_runs)
        self._daemon = WorkspaceDaemon(
            calls,
            self._paths,
            safety_seconds=safety_seconds,
            status_reader=self.read_status,
            version=lambda: self._version,
        )

    @property
    def workspace(self) -> str:
        """The workspace's absolute path."""
        return str(self._paths.root)

    @property
    def version(self) -> str | None:
        """The version that `check_supported` found, also if it refused it; None before."""
        return self._version

    @property
    def is_initialised(self) -> bool:
        """Whether the workspace was ever initialised; reads the disk, starts no program."""
        return self._paths.agents.is_dir()

    @property
    def commands(self) -> MillraceCommands:
        """The shell commands about this workspace, for next steps."""
        program = shlex.join(self._calls.argv)
        return MillraceCommands(self.workspace, program, None if self._is_found else program)

    @property
    def supervisor(self) -> WorkspaceDaemon:
        """The workspace's daemon."""
        return self._daemon

    def warm_up(self) -> None:
        """Prepare for calls that follow soon, without waiting."""
        self._calls.warm_up()

    def check_supported(self, wait: Wait) -> str:
        """Return the version, or refuse it; starts no process where the install's files name it."""
        if self._supported is None:
            found = find_version(self._calls, wait)
            self._version = found.version
            self._supported = require_supported(found, self._calls, wait)
        return self._supported

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """Return an item's state; usually one `millrace` call, none in an unused directory."""
        return self._items.look_up(item_id, wait)

    def read_status(self, wait: Wait) -> RuntimeStatus:
        """Return Millrace's status; one call, none while the cached status is valid.

        Raises:
            ToolFailed: Millrace refused, as it does in a workspace that is not initialised.
            ProtocolError: the document lacks a field that every supported version prints, or is
                about another workspace.
        """
        if self._kept is None:
            return self._ask_status(wait)
        return self._kept.read(self._calls, self._ask_warmly, wait)

    def _ask_warmly(self, wait: Wait) -> RuntimeStatus:
        """Read the status and prepare the fork server, so that the next read starts faster."""
        self.warm_up()
        return self._ask_status(wait)

    def _ask_status(self, wait: Wait) -> RuntimeStatus:
        completed = self._questions.succeed("status", "--format", "json", wait=wait)
        raw = parse_object(completed.stdout, "the status")
        status = parse(StatusDocument, completed.stdout, "the status")
        if not self._paths.is_named_by(status.workspace):
            raise ProtocolError(
                TOOL,
                f"`millrace status` answered for another workspace: {status.workspace}",
                raw=completed.stdout,
                suggested_action=WRONG_PROGRAM,
            )
        return RuntimeStatus(
            process_running=status.process_running,
            lock=status.runtime_ownership_lock,
            active_run_count=status.active_run_count,
            active_stage=status.active_stage,
            active_item_id=status.active_work_item_id,
            active_item_kind=status.active_work_item_kind,
            queue_depths={
                "execution": status.execution_queue_depth,
                "planning": status.planning_queue_depth,
                "learning": status.learning_queue_depth,
            },
            paused=status.paused,
            pause_sources=status.pause_sources,
            stop_requested=status.stop_requested,
            mode_id=status.active_mode_id,
            raw=raw,
            source=self._questions.describe("status", "--format", "json"),
            observed_at=self._now(),
        )

    def list_unfinished(self) -> tuple[UnfinishedItem, ...]:
        """Return all items that Millrace still works on or has blocked; no call."""
        return list_unfinished(self._paths)

    def list_items(self) -> tuple[ListedItem, ...]:
        """Return all items in any state, the last written first; no call."""
        return list_items(self._paths)

    def item_titles(self, item_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the titles in the documents of these items; no call."""
        return item_titles(self._paths, item_ids)

    def task_text(self, item_status: ItemStatus) -> str | None:
        """Return an item's request as it was given, else its document; no call."""
        candidates = [self._paths.intake / request_file_name(item_status.item_id)]
        if item_status.path is not None:
            candidates.append(Path(item_status.path))
        for path in candidates:
            with suppress(OSError):
                return read_regular_text(path)
        return None

    def recent_events(self) -> tuple[RuntimeEvent, ...]:
        """Return the newest stage and item events of Millrace's event log; no call."""
        return recent_events(self._paths)

    def resolve_mode(self, mode: str) -> str:
        """Return the mode's id, with aliases of the version that `check_supported` found."""
        return resolve_alias(mode, self._version)

    def list_modes(self, wait: Wait) -> tuple[str, ...]:
        """Return the names of the modes this Millrace knows; one call, without the workspace.

        Raises:
            ToolFailed: Millrace refused.
            ProtocolError: it named no mode.
        """
        return parse_modes(self._questions.ask_program("modes", "list", wait=wait).stdout)

    def read_stage_models(self) -> StageModels:
        """Return the models of the stages of the mode that was compiled last; no call.

        Raises:
            ProtocolError: no mode was compiled, or the files cannot be read.
        """
        return read_stage_models(self._paths.root)

    def initialise(self, wait: Wait) -> None:
        """Make the workspace usable; no call if an earlier answer showed that it is.

        In a directory that had no Millrace folder, Millrace keeps every stage's transcript.

        Otherwise one call, or two in a workspace that an older Millrace initialised: a newer one
        requires its own `init`.

        Raises:
            WorkspaceUnusable: missing, not a directory, not writable, or `init` refused.
        """
        self._paths.make_own()
        is_new = not self.is_initialised
        if self._is_initialised(wait):
            return
        completed = self._questions.ask("init", wait=wait)
        if completed.exit_code != 0:
            raise self._unusable(completed)
        if is_new:
            with self._daemon.control(wait):
                keep_transcripts(self._paths)

    def describe_folder(self, wait: Wait) -> WorkspaceFolder:
        """Return Millrace's folder: its size, and whether git shows it; no call of Millrace."""
        return describe_folder(self._paths, wait)

    def ignore_folder(self) -> None:
        """Add Millrace's folder to the workspace's `.gitignore`.

        Raises:
            WorkspaceUnusable: the file cannot be read or written.
        """
        ignore_folder(self._paths)

    def store_request(self, item: WorkItem, kind: IntakeKind, body: RequestBody) -> str:
        """Write the unchanged request, then the document that names it; return that one's path."""
        document = render_document(item, kind, body, created_at=self._now())
        verify_document(document, item, body)
        self._paths.make_own()
        path = self._paths.intake / document.file_name
        write_atomically(self._paths.intake / document.request_file_name, document.request_text)
        write_atomically(path, document.text)
        return str(path)

    def stored_requests(self) -> Iterator[tuple[str, str]]:
        """Yield item id and request hash of each stored document; skip unreadable ones."""
        for path in sorted(self._paths.intake.glob(f"*{SUFFIX}")):
            with suppress(OSError):
                request_hash = request_hash_in(read_regular_text(path))
                if request_hash is not None:
                    yield path.name.partition(".")[0].removeprefix(IDEA_PREFIX), request_hash

    def idea_of(self, item_id: str) -> str | None:
        """Return the idea that a spec was made from; no call."""
        return idea_of_spec(self._paths, item_id)

    def submit(self, item: WorkItem, kind: IntakeKind, wait: Wait) -> SubmitReceipt:
        """Add a stored request to the queue; one call, or two for a named item."""
        return submit_once(self, item, kind, wait, now=self._now)

    def document_path(self, item_id: str, kind: IntakeKind) -> str:
        """Return where `store_request` stores the item's document."""
        return str(self._paths.intake / document_file_name(item_id, kind))

    @contextmanager
    def lock_item(self, item_id: str, wait: Wait) -> Iterator[ItemLock]:
        """Hold the item's lock; wait for an add that outlived its run and still holds it."""
        self._paths.make_own()
        with locked(self._paths.item_lock(item_id), wait) as descriptor:
            yield ItemLock(item_id, descriptor)

    def add(self, path: str, kind: IntakeKind, lock: ItemLock, wait: Wait) -> AddReceipt:
        """Add one document to Millrace's queue; one call, which inherits the item's lock.

        Raises:
            ToolFailed: Millrace refused the document; nothing was queued.
            ToolTimeout: unknown whether it was queued: look the item up.
            ProtocolError: it succeeded without reporting where the item is: look the item up.
        """
        completed = self._questions.ask(
            "queue", f"add-{kind.value}", path, wait=wait, pass_fds=(lock.descriptor,)
        )
        if completed.exit_code == 0:
            return parse_receipt(completed.stdout)
        if is_duplicate(exception_line(completed.stderr) or ""):
            return AddReceipt(duplicate=True)
        remove_half_added(self._paths, Path(path), kind, lock.item_id)
        raise refusal(completed)

    def cancel_item(self, item_id: str, reason: str, wait: Wait) -> ControlReceipt:
        """Request that Millrace cancels an item; one call."""
        words = ("queue", "cancel", item_id, "--reason", reason)
        return parse_control(self._questions.succeed(*words, wait=wait).stdout)

    def retry_item(self, item_id: str, reason: str, wait: Wait) -> None:
        """Put a blocked item back into the queue; one call."""
        # Millrace refuses to retry most of what it blocked without `--force`.
        words = ("queue", "retry-blocked", item_id, "--reason", reason, "--force")
        self._questions.succeed(*words, wait=wait)

    def pause(self, wait: Wait) -> ControlReceipt:
        """Request a pause: no new stage is started; one call."""
        return parse_control(self._questions.succeed("control", "pause", wait=wait).stdout)

    def resume(self, wait: Wait) -> ControlReceipt:
        """Request the end of the pause; one call."""
        return parse_control(self._questions.succeed("control", "resume", wait=wait).stdout)

    def await_reply(self, command_id: str, wait: Wait) -> CommandReply:
        """Return the daemon's reply to a command in the mailbox; no call."""
        return await_reply(lambda: find_reply(self._paths, command_id), wait)

    def trace_lineage(self, item_status: ItemStatus) -> Evidence:
        """Read the item's lineage from Millrace's files; no call, a few milliseconds."""
        return self._lineage.trace(item_status)

    def stage_reports(self, item_ids: Iterable[str], wait: Wait) -> tuple[StageReport, ...]:
        """Return the stages that ran for these items, by start time; no call."""
        return self._stage_reports.read(item_ids, wait)

    def stage_events(self, item_ids: Iterable[str]) -> tuple[RuntimeEvent, ...]:
        """Return the starts and ends of the stages of these items so far; no call."""
        return stage_events(self._paths, frozenset(item_ids))

    def read_transcript(self, report: StageReport) -> Transcript:
        """Return what the agent of a stage said and did; no call."""
        from millracer.millrace.evidence.transcripts import read_transcript  # noqa: PLC0415 - no run needs it

        return read_transcript(self._paths.root, report)

    def run_traces(self, item_ids: Iterable[str]) -> tuple[JsonObject, ...]:
        """Return Millrace's own traces of the runs of these items, the newest first; no call."""
        return tuple(self._lineage.raw_traces(item_ids))

    def list_runs(self, wait: Wait) -> tuple[RunReport, ...]:
        """Return all runs without their traces, the newest first; no call."""
        found = []
        for run_id in self._stage_reports.run_ids():
            wait.cancellation.raise_if_cancelled()
            found.append(self._read_run(run_id))
        return newest_first(found)

    def find_run(self, run_id: str, wait: Wait) -> RunReport | None:
        """Return one run with its trace; no call."""
        wait.cancellation.raise_if_cancelled()
        if not self._stage_reports.has_run(run_id):
            return None
        return replace(self._read_run(run_id), trace=self._traces.read_raw(run_id))

    def _read_run(self, run_id: str) -> RunReport:
        trace = self._traces.read(run_id)
        status = None if trace is None else trace.status
        return replace(self._stage_reports.read_run(run_id), status=status)

    def gather_evidence(self, item_status: ItemStatus, wait: Wait) -> Evidence:
        """Gather all evidence for the gate; one call for a task done in one run, three for a probe.

        `MillraceEvidence` documents the purpose of each call.
        """
        return self._evidence.gather(item_status, wait)

    def _is_initialised(self, wait: Wait) -> bool:
        if not self.is_initialised:
            return False
        if self._questions.initialised is None:
            completed = self._questions.ask("queue", "ls", wait=wait)
            if self._questions.initialised is None:
                raise self._unusable(completed)
        return self._questions.initialised

    def _unusable(self, completed: Completed) -> WorkspaceUnusable:
        return WorkspaceUnusable(
            f"Millrace cannot use the workspace {self.workspace}: {useful_line(completed)}",
            suggested_action="make the directory usable or pass another --workspace",
        )
