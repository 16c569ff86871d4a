"""Trace a work item's lineage from Millrace's files alone.

Starts no process. File contents are cached by stat, and the event log is read from the last
position. Traces are read only of runs that can prove something: the newest runs of a task or a
probe, and the Arbiter's run that a closure target names last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import PROBE, SPEC, TASK
from millracer.domain.run.evidence import ClosureFact, Evidence, ItemFact, SpawnFact, StageFact
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import JsonObject
from millracer.millrace.evidence.traces import TraceFiles, spawn_facts, stage_facts
from millracer.millrace.files.event_log import EventHistory
from millracer.millrace.files.items.ideas import idea_file_names, noted_specs
from millracer.millrace.files.items.index import WorkDocument, WorkDocuments
from millracer.millrace.files.items.parents import ItemKey, descend
from millracer.millrace.files.state import CachedDocument
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import ClosureTarget, RunTrace
from millracer.millrace.wire.stage_results import RESULT_NAMES

_IDEA = "idea"
_BLOCKED = "BLOCKED"
_DEPENDS_ON = "Depends-On"
_IDEA_TO_SPEC = "the idea was made into it"
#: An item's newest run settles it; older runs are interrupted attempts.
_RUNS_READ = 5

_Documents = Mapping[ItemKey, WorkDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run's trace, and the path of its file."""

    trace: RunTrace
    source: str


class MillraceLineage:
    """Traces lineages in one workspace; `now` is the wall clock. For one thread at a time."""

    def __init__(self, paths: WorkspacePaths, now: Callable[[], datetime]) -> None:
        self._paths = paths
        self._now = now
        self._documents = WorkDocuments(paths)
        self._history = EventHistory(paths.event_log)
        self._traces = TraceFiles(paths)
        self._targets: dict[str, CachedDocument[ClosureTarget]] = {}
        self._noted: dict[str, dict[str, str]] = {}

    def trace(self, item_status: ItemStatus) -> Evidence:
        """Return the files' facts about an item, its descendants and the stages that prove them.

        Args:
            item_status: gives the item's kind and, for an item without a work document, its state;
                it may be old.
        """
        self._history.update()
        documents = self._documents.read()
        if item_status.kind is IntakeKind.IDEA:
            return self._trace_idea(item_status, documents)
        work_kind = item_status.kind.value if item_status.kind else item_status.work_kind
        if work_kind is None:
            return Evidence(item_id=item_status.item_id, kind=item_status.kind)
        item_id = item_status.item_id
        runs = list(self._read_runs_of(item_id)) if work_kind in {TASK, PROBE} else []
        spawns = [fact for run in runs for fact in spawn_facts(run.trace, run.source, self._now())]
        spawns = [fact for fact in spawns if work_kind == PROBE and fact.parent_id == item_id]
        roots = [(work_kind, item_id), *((fact.child_kind, fact.child_id) for fact in spawns)]
        spawns += self._find_descents(roots, documents, {fact.child_id for fact in spawns})
        tasks = [s.child_id for s in spawns if (s.parent_id, s.child_kind) == (item_id, TASK)]
        if work_kind == PROBE:
            runs += [run for task_id in tasks for run in self._read_runs_of(task_id)]
        places = list(self._find_places(roots, spawns, documents))
        if all(fact.item_id != item_id for fact in places) and _has_no_document(item_status):
            places.append(self._build_waiting_fact(item_status, work_kind))
        return self._build_evidence(item_status, places, spawns, runs)

    def runner_failures(self, trace: RunTrace) -> dict[str, str]:
        """Return the reasons of failed stage programs by request id; see `TraceFiles`."""
        return self._traces.runner_failures(trace)

    def closure_of(self, spec_id: str) -> ClosureFact | None:
        """Return the current closure target of a spec, None if none was opened."""
        path = self._paths.agents / "arbiter" / "targets" / f"{spec_id}.json"
        document = self._targets.get(spec_id)
        if document is None:
            document = CachedDocument(path, ClosureTarget.model_validate_json)
            self._targets[spec_id] = document
        target = document.read()
        if target is None or target.root_spec_id != spec_id:
            return None
        return ClosureFact(
            root_spec_id=spec_id,
            open=target.closure_open,
            closing_run_id=target.last_arbiter_run_id,
            blocked_by_lineage_work=target.closure_blocked_by_lineage_work,
            blocking_ids=target.blocking_work_ids,
            source=str(path),
            observed_at=self._now(),
        )

    def run_ids(self, item_id: str) -> tuple[str, ...]:
        """Return an item's run ids from the event log as of the last trace, newest first."""
        return self._history.runs_of(item_id)

    def find_runs(self, item_id: str) -> tuple[str, ...]:
        """Return an item's run ids from the current event log, newest first."""
        self._history.update()
        return self._history.runs_of(item_id)

    def raw_traces(self, item_ids: Iterable[str]) -> Iterator[JsonObject]:
        """Yield the unchanged traces of the runs of these items, the newest of each first."""
        runs = dict.fromkeys(run_id for item_id in item_ids for run_id in self.find_runs(item_id))
        for run_id in runs:
            trace = self._traces.read_raw(run_id)
            if trace is not None:
                yield trace

    def _trace_idea(self, item_status: ItemStatus, documents: _Documents) -> Evidence:
        specs = self._find_specs(item_status.item_id, documents)
        spawns = [
            SpawnFact(
                parent_id=item_status.item_id,
                child_id=spec_id,
                child_kind=SPEC,
                how=_IDEA_TO_SPEC,
                source=source,
                observed_at=self._now(),
            )
            for spec_id, source in specs.items()
        ]
        roots = [(SPEC, spec_id) for spec_id in specs]
        spawns += self._find_descents(roots, documents, set())
        places = list(self._find_places(roots, spawns, documents))
        if item_status.item_id not in specs:
            places += self._build_idea_facts(item_status, [p for p in places if p.item_id in specs])
        return self._build_evidence(item_status, places, spawns, [])

    def _build_idea_facts(
        self, item_status: ItemStatus, spec_places: list[ItemFact]
    ) -> Iterator[ItemFact]:
        """Yield the idea's own fact: its specs' states, or its own if there is no spec yet."""
        if not spec_places and _has_no_document(item_status):
            yield self._build_waiting_fact(item_status, _IDEA)
        for place in spec_places:
            yield ItemFact(
                item_id=item_status.item_id,
                work_kind=_IDEA,
                state=place.state,
                source=place.source,
                observed_at=place.observed_at,
                detail=place.detail,
            )

    def _find_specs(self, item_id: str, documents: _Documents) -> dict[str, str]:
        """Return the ids of the specs made from an idea, each with its source.

        The source is Millrace's note beside the idea (0.21) or its event (all versions). If the log
        does not reach back far enough, the spec itself refers to the inbox file.
        """
        names = idea_file_names(item_id)
        if not self._noted.get(item_id):
            self._noted[item_id] = {
                spec_id: str(path) for spec_id, path in noted_specs(self._paths, item_id)
            }
        specs = self._noted[item_id] or self._history.specs_of(names)
        return specs or {
            document.item_id: str(document.path)
            for (kind, _), document in documents.items()
            if kind == SPEC
            and document.fields.scalar("Source-Type") == _IDEA
            and any(PurePath(each).name in names for each in document.fields.items("References"))
        }

    def _find_descents(
        self, roots: Iterable[ItemKey], documents: _Documents, known: set[str]
    ) -> list[SpawnFact]:
        fields = {key: document.fields for key, document in documents.items()}
        roots = list(roots)
        return [
            SpawnFact(
                parent_id=descent.parent[1],
                child_id=descent.child[1],
                child_kind=descent.child[0],
                how=descent.how,
                source=str(documents[descent.child].path),
                observed_at=self._now(),
            )
            for descent in descend(roots, fields)
            if descent.child[1] not in known
        ]

    def _find_places(
        self, roots: Iterable[ItemKey], spawns: Iterable[SpawnFact], documents: _Documents
    ) -> Iterator[ItemFact]:
        keys = dict.fromkeys([*roots, *((fact.child_kind, fact.child_id) for fact in spawns)])
        for key in keys:
            document = documents.get(key)
            place = None if document is None else document.place()
            if document is not None and place is not None:
                yield ItemFact(
                    item_id=key[1],
                    work_kind=place.work_kind,
                    state=place.state,
                    source=str(place.path),
                    observed_at=self._now(),
                    detail=place.detail,
                    waits_for=_find_unmeetable(document, documents)
                    if place.state is ItemState.QUEUED
                    else (),
                )

    def _build_evidence(
        self,
        item_status: ItemStatus,
        places: list[ItemFact],
        spawns: list[SpawnFact],
        runs: list[_Run],
    ) -> Evidence:
        specs = [fact.item_id for fact in places if fact.work_kind == SPEC]
        closures = [fact for spec_id in specs if (fact := self.closure_of(spec_id)) is not None]
        for closure in closures:
            if closure.closing_run_id is not None:
                runs += self._read_runs((closure.closing_run_id,))
        return Evidence(
            item_id=item_status.item_id,
            kind=item_status.kind,
            items=tuple(places),
            stages=tuple(self._build_stages(runs)),
            spawns=tuple(spawns),
            closures=tuple(closures),
            result_names=RESULT_NAMES,
        )

    def _build_stages(self, runs: Iterable[_Run]) -> Iterator[StageFact]:
        for run in runs:
            is_blocked = any(node.terminal_result == _BLOCKED for node in run.trace.nodes)
            failures = self._traces.runner_failures(run.trace) if is_blocked else {}
            yield from stage_facts(run.trace, run.source, self._now(), failures)

    def _read_runs_of(self, item_id: str) -> Iterator[_Run]:
        return self._read_runs(self.run_ids(item_id)[:_RUNS_READ])

    def _read_runs(self, run_ids: Iterable[str]) -> Iterator[_Run]:
        for run_id in run_ids:
            trace = self._traces.read(run_id)
            if trace is not None:
                yield _Run(trace=trace, source=str(self._traces.path(run_id)))

    def _build_waiting_fact(self, item_status: ItemStatus, work_kind: str) -> ItemFact:
        return ItemFact(
            item_id=item_status.item_id,
            work_kind=work_kind,
            state=item_status.state,
            source=item_status.source,
            observed_at=item_status.observed_at,
            detail=item_status.detail,
        )


def _has_no_document(item_status: ItemStatus) -> bool:
    """Whether an item's state means that it has no work document yet."""
    return item_status.state in {
        ItemState.MAILBOX,
        ItemState.INBOX,
        ItemState.INVALID,
        ItemState.REFUSED,
    }


def _find_unmeetable(document: WorkDocument, documents: _Documents) -> tuple[str, ...]:
    """Return the dependencies of a queued task that can no longer be met, with their states."""
    missing = []
    for task_id in document.fields.items(_DEPENDS_ON):
        needed = documents.get((TASK, task_id))
        place = None if needed is None else needed.place()
        state = ItemState.ABSENT if place is None else place.state
        if state is not ItemState.DONE and not state.is_live:
            missing.append(f"{task_id} ({state})")
    return tuple(missing)
