"""Read a run's trace: the ends of its stages and the items that it created.

Millrace keeps each run's trace in the run's folder, and `runs trace` prints that file. The trace is
written before the event of the same stage's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from millracer.domain.run.evidence import SpawnFact, StageFact
from millracer.domain.work.runtime import JsonObject
from millracer.errors import ProtocolError
from millracer.millrace.files.state import CachedDocument
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import RunnerCompletion, RunTrace, parse_object
from millracer.millrace.wire.stage_results import (
    RECON_TO_EXECUTION,
    RECON_TO_PLANNING,
    is_valid,
    proof_of,
)
from millracer.system.files import read_regular

_DECISIONS = {
    RECON_TO_EXECUTION: "recon sent it to execution",
    RECON_TO_PLANNING: "recon sent it to planning",
}
_NO_FAILURES: Mapping[str, str] = MappingProxyType({})
_REQUEST_ID = _RUN_ID = re.compile(r"[\w-]+")
_COMPLETED = "completed"
_MAX_REASON_LENGTH = 300


class TraceFiles:
    """The traces in the runs' folders, each parsed again only when it has changed."""

    def __init__(self, paths: WorkspacePaths) -> None:
        self._runs = paths.agents / "runs"
        self._documents: dict[str, CachedDocument[RunTrace]] = {}

    def path(self, run_id: str) -> Path:
        """Return the path of a run's trace."""
        return self._runs / run_id / "run_trace.json"

    def read(self, run_id: str) -> RunTrace | None:
        """Return a run's trace, None if it is missing, unreadable or of another run."""
        document = self._documents.get(run_id)
        if document is None:
            document = CachedDocument(self.path(run_id), RunTrace.model_validate_json)
            self._documents[run_id] = document
        trace = document.read()
        return trace if trace is not None and trace.run_id == run_id else None

    def read_raw(self, run_id: str) -> JsonObject | None:
        """Return a run's trace unchanged, None if it is missing or unreadable."""
        if not _RUN_ID.fullmatch(run_id):
            return None
        try:
            return parse_object(read_regular(self.path(run_id)).decode(), "the trace")
        except (OSError, UnicodeDecodeError, ProtocolError):
            return None

    def runner_failures(self, trace: RunTrace) -> dict[str, str]:
        """Return the reason of each failed stage program, by request id."""
        failures = {}
        for node in trace.nodes:
            if node.request_id is None or not _REQUEST_ID.fullmatch(node.request_id):
                continue
            name = f"runner_completion.{node.request_id}.json"
            document = CachedDocument(
                self._runs / trace.run_id / name, RunnerCompletion.model_validate_json
            )
            completion = document.read()
            if completion is not None and completion.exit_kind != _COMPLETED:
                failures[node.request_id] = _describe_failure(completion)
        return failures


def _describe_failure(completion: RunnerCompletion) -> str:
    """Return the first line of the program's notes, else how it ended."""
    lines = (line.strip() for note in completion.notes for line in note.splitlines())
    code = "" if completion.exit_code is None else f" (exit code {completion.exit_code})"
    return next(filter(None, lines), f"{completion.exit_kind}{code}")[:_MAX_REASON_LENGTH]


def stage_facts(
    trace: RunTrace, source: str, now: datetime, runner_failures: Mapping[str, str] = _NO_FAILURES
) -> list[StageFact]:
    """Return one fact per stage of a run, with how it ended."""
    return [
        StageFact(
            run_id=trace.run_id,
            item_id=node.work_item_id,
            work_kind=node.work_item_kind,
            stage=node.stage,
            terminal_result=node.terminal_result,
            run_status=trace.status,
            source=source,
            observed_at=now,
            proves=proof_of(
                node.stage, node.terminal_result, node.request_kind or trace.request_kind
            ),
            counts=is_valid(trace.status),
            root_spec_id=node.closure_target_root_spec_id or trace.closure_target_root_spec_id,
            completed_at=node.completed_at,
            runner_failure=runner_failures.get(node.request_id or ""),
        )
        for node in trace.nodes
    ]


def spawn_facts(trace: RunTrace, source: str, now: datetime) -> Iterator[SpawnFact]:
    """Yield one fact per item that a run created from its own item."""
    if trace.work_item_id is None:
        return
    for edge in trace.edges:
        for spawned in edge.spawned_work:
            yield SpawnFact(
                parent_id=trace.work_item_id,
                child_id=spawned.item_id,
                child_kind=spawned.kind,
                how=_DECISIONS.get(edge.outcome or "", f"its run ended {edge.outcome}"),
                source=source,
                observed_at=now,
                run_id=trace.run_id,
            )
