"""A backend in memory that follows a script.

Items have places, a daemon runs or does not, and a watch is shown one scripted step a time:

    millrace = ScriptedBackend()
    millrace.will_show(stage_runs("builder"), item_ends(ItemState.DONE))

A watch that reads beyond the script fails the test. Calls are recorded in `enqueued`, `validated`,
`started`, `stopped` and `calls`. `will_fail` and `will_do` put a failure or an outside event before
or after a call.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from millracer.cancellation import Wait
from millracer.domain.certificate.content import facts_of
from millracer.domain.models import StageModels
from millracer.domain.new_workspace import WorkspaceFolder
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.evidence import ClosureFact, Evidence
from millracer.domain.work.items import (
    ItemState,
    ItemStatus,
    ListedItem,
    SubmitReceipt,
    UnfinishedItem,
    WorkItem,
)
from millracer.domain.work.runs import RunReport, newest_first
from millracer.domain.work.runtime import (
    CommandReply,
    CommandState,
    ControlReceipt,
    JsonObject,
    OutOfSight,
    RunningDaemon,
    RuntimeEvent,
    RuntimeStatus,
)
from millracer.domain.work.stages import StageReport
from millracer.domain.work.transcript import Transcript
from millracer.errors import RunWarning, ToolFailed, ToolUnsupported
from millracer.millrace.intake.documents import (
    IntakeDocument,
    document_file_name,
    render_document,
    request_hash_in,
    verify_document,
)
from millracer.millrace.intake.markdown import parse_idea
from millracer.millrace.shell import MillraceCommands
from millracer.millrace.submission import ItemLock, await_reply, submit_once
from millracer.millrace.wire.stage_results import RESULT_NAMES
from millracer.millrace.wire.text_output import AddReceipt
from millracer.ports import (
    OBSERVER_POLL_SECONDS,
    Backend,
    DaemonControl,
    Observer,
    StatusStamps,
    WatchLease,
)
from millracer.testing.facts import described, item_fact, spawn_fact, stage_fact, work_kind_of
from millracer.testing.stage_models import ScriptedStageModels
from millracer.testing.stages import ScriptedStages
from millracer.testing.steps import NOW, HeldItem, Step
from millracer.testing.supervisor import (
    MODE_ALIASES,
    ScriptedControl,
    ScriptedObserver,
    ScriptedStamps,
    ScriptedSupervisor,
    ScriptedWatchLease,
)

_LISTED = (
    ItemState.ACTIVE,
    ItemState.QUEUED,
    ItemState.INBOX,
    ItemState.MAILBOX,
    ItemState.BLOCKED,
)


class ScriptedBackend(Backend):
    """The whole port on a few variables; see the module."""

    def __init__(
        self,
        *,
        workspace: str = "/workspace",
        version: str = "0.21.1",
        is_initialised: bool = True,
    ) -> None:
        self._workspace = workspace
        self._found_version = version
        self._version: str | None = None
        self._holds_work = is_initialised
        self.items: dict[str, HeldItem] = {}
        self.closures: list[ClosureFact] = []
        self.documents: list[IntakeDocument] = []
        self.enqueued: list[str] = []
        self.digests: dict[str, str | None] = {}
        self.validated: list[str] = []
        self.started: list[str] = []
        self.stopped: list[int] = []
        self.repaired = 0
        self.warmed_up = False
        self.calls: list[str] = []
        self.daemon: RunningDaemon | None = None
        self.stale = False
        self.notices_at_end: tuple[RunWarning, ...] = ()  #: what ending a daemon warns of
        self.pid_taken = False  #: Millrace takes the lock that was left for a living daemon's
        self.stop_requested = False
        self.active_stage = ""
        self.paused = False
        self.while_leaving: Callable[[], None] | None = None
        self.other_queued = 0
        self.modes: tuple[str, ...] = ("lad_codex", "lad_pi", "learning_lad_pi", *MODE_ALIASES)
        self.watchers = 0
        self.stopped_on_purpose = False
        self.fates: deque[CommandReply] = deque()  #: replies to mailbox commands, in order
        self.status_stamp: object | None = None  #: see `StatusStamps.read`
        self.events: list[RuntimeEvent] = []  #: what the log says, the newest last
        self.stage_log: list[RuntimeEvent] = []  #: the events of the steps so far
        self.stages = ScriptedStages(NOW)
        self.control_held = False
        self.locks: set[str] = set()
        self.is_shown_by_git = False
        self.models = ScriptedStageModels(is_initialised=is_initialised)
        self._rejected: dict[str, str] = {}
        self._steps: deque[Step] = deque()
        self._faults: dict[str, deque[_Fault]] = {}
        self._paths: dict[str, IntakeDocument] = {}
        self.texts: dict[str, str] = {}  #: the request of an item that was not submitted here
        self._next_pid = 4001

    # --- scripting ----------------------------------------------------------------------------

    def holds(  # noqa: PLR0913 - one keyword for each field of an item
        self,
        item_id: str,
        state: ItemState,
        *,
        kind: IntakeKind | None = IntakeKind.TASK,
        request_hash: str | None = None,
        millrace_id: str | None = None,
        proven: bool = False,
        detail: str = "",
    ) -> HeldItem:
        """Let an item be there already."""
        item = HeldItem(
            item_id,
            state,
            kind=kind,
            request_hash=request_hash,
            millrace_id=millrace_id,
            proven=proven,
            detail=detail,
        )
        self.items[item_id] = item
        return item

    def derives(
        self,
        parent_id: str,
        item_id: str,
        state: ItemState,
        *,
        work_kind: str = "task",
        proven: bool = False,
    ) -> HeldItem:
        """Let an item have come out of another one."""
        item = HeldItem(
            item_id, state, kind=None, work_kind=work_kind, proven=proven, parent_id=parent_id
        )
        self.items[item_id] = item
        return item

    def has_daemon(
        self, *, owned: bool = False, mode_id: str | None = "lad_pi", booting: bool = False
    ) -> RunningDaemon:
        """Let a daemon run already."""
        self.daemon = RunningDaemon(
            pid=self._new_pid(), started=1.0, owned=owned, booting=booting, mode_id=mode_id
        )
        return self.daemon

    def has_daemon_out_of_sight(self, *, is_alive: bool = False) -> RunningDaemon:
        """Let another host's lock say that a daemon runs."""
        unseen = OutOfSight(host="gone", since=NOW, lock_file="/w/lock.json", is_alive=is_alive)
        self.daemon = replace(self.has_daemon(), out_of_sight=unseen)
        return self.daemon

    def will_show(self, *steps: Step) -> None:
        """Append the steps that the watch sees next, one per read."""
        self._steps.extend(steps)

    def will_fail(self, call: str, error: BaseException, *, after: bool = False) -> None:
        """Let the next such call raise; with `after` its effect took place all the same."""
        self.will_do(call, _raiser(error), after=after)

    def will_do(self, call: str, action: Callable[[], None], *, after: bool = False) -> None:
        """Let something happen before (or after) the next such call, such as another's add."""
        self._faults.setdefault(call, deque()).append(_Fault(action, after))

    def rejects_mode(self, mode: str) -> None:
        """Let a mode not validate."""
        self._rejected[mode] = f"Unknown mode id: {mode}"

    @property
    def unused_steps(self) -> int:
        """The number of script steps that no watch read."""
        return len(self._steps)

    # --- the port -----------------------------------------------------------------------------

    @property
    def workspace(self) -> str:
        """See the port."""
        return self._workspace

    @property
    def version(self) -> str | None:
        """See the port."""
        return self._version

    @property
    def is_initialised(self) -> bool:
        """See the port."""
        return self._holds_work

    @property
    def owns_daemon(self) -> bool:
        """See the port."""
        return self.daemon is not None and self.daemon.owned

    @property
    def supervisor(self) -> ScriptedSupervisor:
        """See the port."""
        return ScriptedSupervisor(self)

    @property
    def commands(self) -> MillraceCommands:
        """See the port."""
        return MillraceCommands(self._workspace)

    def warm_up(self) -> None:
        """See the port."""
        self.warmed_up = True

    def check_supported(self, wait: Wait) -> str:
        """See the port."""
        try:
            with self._called("check_supported", wait):
                self._version = self._found_version
                return self._found_version
        except ToolUnsupported:  # refused, but found
            self._version = self._found_version
            raise

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """See the port."""
        with self._called("look_up", wait):
            return self._standing(item_id)

    def read_status(self, wait: Wait) -> RuntimeStatus:
        """See the port."""
        with self._called("read_status", wait):
            return self._status()

    def is_stale(self, wait: Wait) -> bool:
        """See the port."""
        with self._called("is_stale", wait):
            return self._is_stale()

    def list_unfinished(self) -> tuple[UnfinishedItem, ...]:
        """See the port; what was added last is the newest."""
        self.calls.append("list_unfinished")
        if not self._holds_work:
            return ()
        left = [item for item in reversed(self.items.values()) if item.state in _LISTED]
        return tuple(
            self._left(item) for item in sorted(left, key=lambda item: _LISTED.index(item.state))
        )

    def list_items(self) -> tuple[ListedItem, ...]:
        """See the port; what was added last was written last."""
        self.calls.append("list_items")
        if not self._holds_work:
            return ()
        return tuple(
            self._listed(item, NOW + timedelta(seconds=at))
            for at, item in reversed(list(enumerate(self.items.values())))
            if item.state is not ItemState.ABSENT
        )

    def item_titles(self, item_ids: Iterable[str]) -> Mapping[str, str]:
        """See the port."""
        self.calls.append("item_titles")
        listed = {each.item_id: each.title for each in self.list_items()}
        return {item_id: listed[item_id] for item_id in item_ids if item_id in listed}

    def task_text(self, item_status: ItemStatus) -> str | None:
        """See the port."""
        self.calls.append("task_text")
        stored = {document.item_id: document.request_text for document in self.documents}
        return {**self.texts, **stored}.get(item_status.item_id)

    def find_daemon(self) -> RunningDaemon | None:
        """See the port."""
        self.calls.append("find_daemon")
        return self.daemon

    def recent_events(self) -> tuple[RuntimeEvent, ...]:
        """See the port."""
        self.calls.append("recent_events")
        return tuple(reversed(self.events))

    def observe(self, *, poll_seconds: float = OBSERVER_POLL_SECONDS) -> Observer:
        """See the port."""
        self.calls.append("observe")
        return ScriptedObserver(self)

    def stamps(self) -> StatusStamps:
        """See the port; `status_stamp` is their value."""
        self.calls.append("stamps")
        return ScriptedStamps(self)

    def resolve_mode(self, mode: str) -> str:
        """See the port."""
        return MODE_ALIASES.get(mode, mode)

    def list_modes(self, wait: Wait) -> tuple[str, ...]:
        """See the port."""
        with self._called("list_modes", wait):
            return self.modes

    def initialise(self, wait: Wait) -> None:
        """See the port."""
        with self._called("initialise", wait):
            self._holds_work = True

    def read_stage_models(self) -> StageModels:
        """See the port."""
        return self.models.read()

    def describe_folder(self, wait: Wait) -> WorkspaceFolder:
        """See the port."""
        return WorkspaceFolder(
            name="millrace-agents/", files=2, size=2000, is_shown_by_git=self.is_shown_by_git
        )

    def ignore_folder(self) -> None:
        """See the port."""
        self.is_shown_by_git = False

    def store_request(self, item: WorkItem, kind: IntakeKind, body: RequestBody) -> str:
        """See the port."""
        self.calls.append("store_request")
        document = render_document(item, kind, body, created_at=NOW)
        verify_document(document, item, body)
        self.documents.append(document)
        path = self.document_path(item.item_id, kind)
        self._paths[path] = document
        return path

    def stored_requests(self) -> Iterator[tuple[str, str]]:
        """See the port."""
        for document in self.documents:
            yield document.item_id, request_hash_in(document.text) or ""

    def idea_of(self, item_id: str) -> str | None:
        """Return the held idea that has this id in Millrace."""
        return next(
            (
                item.item_id
                for item in self.items.values()
                if item.kind is IntakeKind.IDEA and item.millrace_id == item_id
            ),
            None,
        )

    def submit(self, item: WorkItem, kind: IntakeKind, wait: Wait) -> SubmitReceipt:
        """See the port; the steps are those of the real one."""
        return submit_once(self, item, kind, wait, now=lambda: NOW)

    def document_path(self, item_id: str, kind: IntakeKind) -> str:
        return f"{self._workspace}/.millracer/intake/{document_file_name(item_id, kind)}"

    @contextmanager
    def lock_item(self, item_id: str, wait: Wait) -> Iterator[ItemLock]:
        """See the port."""
        with self._called("lock_item", wait):
            assert item_id not in self.locks, f"{item_id} is locked already: a real run would wait"
            self.locks.add(item_id)
        try:
            yield ItemLock(item_id, 99)
        finally:
            self.locks.discard(item_id)

    def add(self, path: str, kind: IntakeKind, lock: ItemLock, wait: Wait) -> AddReceipt:
        """See the port."""
        with self._called("add", wait):
            assert self._holds_work, "the workspace is not initialised"
            assert lock.item_id in self.locks, "an add needs its item's lock"
            document = self._paths[path]
            assert document.kind is kind
            assert document.item_id == lock.item_id
            if document.item_id in self.items:
                return AddReceipt(duplicate=True)
            self.enqueued.append(document.item_id)
            mailed = self.daemon is not None and not self.daemon.booting
            inbox_or_queue = ItemState.INBOX if kind is IntakeKind.IDEA else ItemState.QUEUED
            self.items[document.item_id] = HeldItem(
                document.item_id,
                ItemState.MAILBOX if mailed else inbox_or_queue,
                kind=kind,
                request_hash=request_hash_in(document.text),
                title=parse_idea(document.text, stem=document.item_id)[0],
            )
            if mailed:
                return AddReceipt(mailbox_command=f"command-{len(self.enqueued)}")
            return AddReceipt(stored_path=f"{self._workspace}/queue/{document.item_id}.md")

    def cancel_item(self, item_id: str, reason: str, wait: Wait) -> ControlReceipt:
        """See the port; a daemon that works on something puts it off."""
        with self._called("cancel_item", wait):
            item = next(
                (
                    each
                    for each in self.items.values()
                    if item_id in {each.millrace_id, each.item_id}
                    and each.state in {ItemState.QUEUED, ItemState.BLOCKED}
                ),
                None,
            )
            if item is None:
                raise ToolFailed(
                    "millrace", "cancelable work item not found", suggested_action="look"
                )
            if self.daemon is not None and self.active_stage:
                return ControlReceipt(applied=False, pending_command="cancel-1", detail="queued")
            item.state, item.detail = ItemState.CANCELLED, f"cancel by operator: {reason}"
            mailed = self.daemon is not None
            return ControlReceipt(
                applied=not mailed, pending_command="cancel-1" if mailed else None, detail="done"
            )

    def retry_item(self, item_id: str, reason: str, wait: Wait) -> None:
        """See the port."""
        with self._called("retry_item", wait):
            if self.daemon is not None:
                raise ToolFailed("millrace", "a daemon holds the lock", suggested_action="stop it")
            blocked = next(
                (
                    each
                    for each in self.items.values()
                    if item_id in {each.millrace_id, each.item_id}
                    and each.state is ItemState.BLOCKED
                ),
                None,
            )
            if blocked is None:
                raise ToolFailed(
                    "millrace", "blocked work item not found", suggested_action="list the items"
                )
            blocked.state, blocked.detail = ItemState.QUEUED, reason

    def pause(self, wait: Wait) -> ControlReceipt:
        """See the port."""
        with self._called("pause", wait):
            return self._set_paused(paused=True)

    def resume(self, wait: Wait) -> ControlReceipt:
        """See the port."""
        with self._called("resume", wait):
            return self._set_paused(paused=False)

    def await_reply(self, command_id: str, wait: Wait) -> CommandReply:
        """See the port; this call also handles what the mailbox holds."""
        return await_reply(self._reply, wait)

    def _reply(self) -> CommandReply:
        self.calls.append("reply")
        return self.fates.popleft() if self.fates else self._taken_in()

    @contextmanager
    def control(self, wait: Wait) -> Iterator[DaemonControl]:
        """See the port."""
        with self._called("control", wait):
            assert not self.control_held, "the lifecycle lock is held already"
            self.control_held = True
        try:
            yield ScriptedControl(self)
        finally:
            self.control_held = False

    def lease(self, wait: Wait) -> WatchLease:
        """See the port."""
        with self._called("lease", wait):
            self.watchers += 1
            return ScriptedWatchLease(self)

    def gather_evidence(self, item_status: ItemStatus, wait: Wait) -> Evidence:
        """See the port."""
        with self._called("gather_evidence", wait):
            return self._evidence(item_status)

    def evidence_files(self, evidence: Evidence) -> tuple[str, ...]:
        """See the port; each fact's source counts as a file."""
        self.calls.append("evidence_files")
        return tuple(sorted({fact.source for fact in facts_of(evidence)}))

    def digest_files(self, names: Iterable[str]) -> Mapping[str, str | None]:
        """See the port; a file has the digest of its name, unless `digests` has another."""
        self.calls.append("digest_files")
        return {
            name: self.digests.get(name, hashlib.sha256(name.encode()).hexdigest())
            for name in names
        }

    def stage_reports(self, item_ids: Iterable[str], wait: Wait) -> tuple[StageReport, ...]:
        """See the port."""
        self.calls.append("stage_reports")
        wait.cancellation.raise_if_cancelled()
        return self.stages.of(item_ids)

    def stage_events(self, item_ids: Iterable[str]) -> tuple[RuntimeEvent, ...]:
        """See the port."""
        self.calls.append("stage_events")
        ids = frozenset(item_ids)
        return tuple(event for event in self.stage_log if event.item_id in ids)

    def read_transcript(self, report: StageReport) -> Transcript:
        """See the port."""
        self.calls.append("read_transcript")
        return self.stages.transcripts.get(report.request_id, Transcript())

    def run_traces(self, item_ids: Iterable[str]) -> tuple[JsonObject, ...]:
        """See the port; a trace has the run and its stages."""
        self.calls.append("run_traces")
        items = frozenset(item_ids)
        runs = [run for run in self.stages.runs() if items.intersection(run.item_ids)]
        return tuple(run.trace for run in reversed(runs) if run.trace is not None)

    def list_runs(self, wait: Wait) -> tuple[RunReport, ...]:
        """See the port."""
        self.calls.append("list_runs")
        wait.cancellation.raise_if_cancelled()
        return newest_first([replace(run, trace=None) for run in self.stages.runs()])

    def find_run(self, run_id: str, wait: Wait) -> RunReport | None:
        """See the port."""
        self.calls.append("find_run")
        wait.cancellation.raise_if_cancelled()
        return next((run for run in self.stages.runs() if run.run_id == run_id), None)

    def trace_lineage(self, item_status: ItemStatus) -> Evidence:
        """See the port."""
        self.calls.append("trace_lineage")
        return self._evidence(item_status)

    def _set_paused(self, *, paused: bool) -> ControlReceipt:
        applied = self.paused is not paused
        self.paused = paused
        mailed = None if self.daemon is None else "control-1"
        return ControlReceipt(applied=applied and mailed is None, pending_command=mailed)

    def _taken_in(self) -> CommandReply:
        for item in self.items.values():
            if item.state is ItemState.MAILBOX:
                idea = item.kind is IntakeKind.IDEA
                item.state = ItemState.INBOX if idea else ItemState.QUEUED
        return CommandReply(state=CommandState.CARRIED_OUT)

    # --- inside -------------------------------------------------------------------------------

    @contextmanager
    def _called(self, name: str, wait: Wait) -> Iterator[None]:
        self.calls.append(name)
        wait.cancellation.raise_if_cancelled()
        faults = self._faults.get(name, deque())
        fault = faults.popleft() if faults else None
        if fault is not None and not fault.after:
            fault.action()
        yield
        if fault is not None and fault.after:
            fault.action()

    def _standing(self, item_id: str) -> ItemStatus:
        item = self.items.get(item_id)
        if item is None:
            return ItemStatus(
                item_id=item_id,
                state=ItemState.ABSENT,
                source=described("queue", "show", item_id, workspace=self.workspace),
                observed_at=NOW,
            )
        return ItemStatus(
            item_id=item_id,
            state=item.state,
            source=described(
                "queue", "show", item.millrace_id or item_id, workspace=self.workspace
            ),
            observed_at=NOW,
            kind=item.kind,
            millrace_id=item.millrace_id or item_id,
            request_hash=item.request_hash,
            detail=item.detail,
            work_kind=item.work_kind or work_kind_of(item),
        )

    def _left(self, item: HeldItem) -> UnfinishedItem:
        item_id = item.millrace_id or item.item_id
        return UnfinishedItem(
            item_id=item_id,
            work_kind=item.work_kind or work_kind_of(item) or "task",
            state=item.state,
            title=item.title or item_id,
            ours=item.request_hash is not None,
            path=f"{self._workspace}/{item.state.value}/{item_id}.md",
        )

    def _listed(self, item: HeldItem, written_at: datetime) -> ListedItem:
        left = self._left(item)
        return ListedItem(
            item_id=left.item_id,
            work_kind=left.work_kind,
            state=left.state,
            title=left.title,
            written_at=written_at,
            path=left.path,
        )

    def _status(self) -> RuntimeStatus:
        active = [i.item_id for i in self.items.values() if i.state is ItemState.ACTIVE]
        waiting = [i.item_id for i in self.items.values() if i.state is ItemState.QUEUED]
        alive = self.daemon is not None and not self.daemon.booting
        left = "active" if self.pid_taken else "stale"
        lock = "active" if self.daemon else (left if self.stale else "absent")
        return RuntimeStatus(
            process_running=alive,
            lock=lock,
            active_run_count=1 if self.active_stage else 0,
            active_stage=self.active_stage or None,
            active_item_id=active[0] if active else None,
            active_item_kind="task" if active else None,
            queue_depths={"execution": self.other_queued + len(waiting), "planning": 0},
            paused=self.paused,
            pause_sources="operator" if self.paused else "none",
            stop_requested=self.stop_requested,
            mode_id=self.daemon.mode_id if self.daemon else "lad_pi",
            raw={"process_running": alive, "runtime_ownership_lock": lock},
            source=described("status", "--format", "json", workspace=self.workspace),
            observed_at=NOW,
        )

    def _is_stale(self) -> bool:
        active = any(item.state is ItemState.ACTIVE for item in self.items.values())
        return self.daemon is None and (self.stale or self.stop_requested or active)

    def _evidence(self, item_status: ItemStatus) -> Evidence:
        item = self.items.get(item_status.item_id)
        members = [] if item is None else [item]
        for member in members:
            members += [each for each in self.items.values() if each.parent_id == member.item_id]
        return Evidence(
            item_id=item_status.item_id,
            kind=item_status.kind,
            items=tuple(item_fact(member, self.workspace) for member in members),
            stages=tuple(
                stage_fact(member, self.workspace)
                for member in members
                if member.proven or member.runner_failure
            ),
            spawns=tuple(spawn_fact(member) for member in members[1:]),
            closures=tuple(self.closures),
            result_names=RESULT_NAMES,
        )

    def _take(self, step: Step, item_id: str) -> None:
        if step.also is not None:
            step.also()
        item = self.items.get(item_id)
        if step.item is not None:
            assert item is not None, f"the script moves {item_id}, which was never added"
            item.state, item.detail, item.proven = step.item, step.detail, step.proven
            self.stages.end_item(item_id, step.item, proven=step.proven)
        self.stages.note(step.events, item_id)
        self.stage_log += [
            replace(event, item_id=event.item_id or item_id)
            for event in step.events
            if event.begins_stage or event.ends_stage
        ]
        if step.stage is not None:
            self.active_stage = step.stage
        if step.paused is not None:
            self.paused = step.paused
        if step.queued is not None:
            self.other_queued = step.queued
        if step.daemon is None:
            return
        assert self.daemon is not None, f"the daemon {step.daemon}, but the script has none"
        if step.daemon == "boots":
            self.daemon = replace(self.daemon, booting=False)
        else:
            self.stale, self.stop_requested = step.daemon == "dies", step.daemon == "stops"
            self.daemon = None

    def _next_step(self) -> Step:
        assert self._steps, (
            "the watch read once more than the script foresees; so far: "
            + ", ".join(self.calls[-20:])
        )
        return self._steps.popleft()

    def _requeue_active(self) -> None:
        for item in self.items.values():
            if item.state is ItemState.ACTIVE:
                item.state = ItemState.QUEUED
        self.active_stage = ""

    def _new_pid(self) -> int:
        self._next_pid += 1
        return self._next_pid


@dataclass(frozen=True, slots=True)
class _Fault:
    action: Callable[[], None]
    after: bool


def _raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
