"""Read the reports of stages from the runs' folders; start no process.

Millrace writes `runner_invocation.REQUEST.json` when a stage's program starts and
`stage_results/REQUEST.json` when the stage has ended. Both name absolute paths: only files inside
the workspace are reported, and a file of a workspace that was moved is found by its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.work.runs import RunReport
from millracer.domain.work.stages import StageReport, TokenUsage
from millracer.millrace.evidence.stage_costs import StageCost, read_cost
from millracer.millrace.files.state import CachedDocument
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import RunnerInvocation, StageResult, StageTokens

_RUN_ID = re.compile(r"[\w-]+")
_INVOCATION = re.compile(r"runner_invocation\.([\w-]+)\.json")
_RESULTS = "stage_results"


class StageReports:
    """The stages of the runs of one workspace, each file parsed again only when it has changed.

    Args:
        paths: the workspace.
        find_runs: returns the runs of an item, newest first.
    """

    def __init__(self, paths: WorkspacePaths, find_runs: Callable[[str], tuple[str, ...]]) -> None:
        self._root = paths.root
        self._runs = paths.agents / "runs"
        self._find_runs = find_runs
        self._results: dict[Path, CachedDocument[StageResult]] = {}
        self._costs: dict[Path, CachedDocument[StageCost]] = {}
        self._invocations: dict[Path, CachedDocument[RunnerInvocation]] = {}

    def read(self, item_ids: Iterable[str], wait: Wait) -> tuple[StageReport, ...]:
        """Return the stages of these items by start time; see the port."""
        items = frozenset(item_ids)
        runs = dict.fromkeys(run_id for item_id in items for run_id in self._find_runs(item_id))
        reports = []
        for run_id in filter(_RUN_ID.fullmatch, runs):
            wait.cancellation.raise_if_cancelled()
            reports += [each for each in self._read_run(run_id) if each.item_id in items]
        return tuple(sorted(reports, key=lambda each: (each.started_at, each.request_id)))

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of all runs that have a folder, in no particular order."""
        try:
            names = [path.name for path in self._runs.iterdir()]
        except OSError:
            return ()
        return tuple(filter(self.has_run, names))

    def has_run(self, run_id: str) -> bool:
        """Whether a run has a folder."""
        return bool(_RUN_ID.fullmatch(run_id)) and (self._runs / run_id).is_dir()

    def read_run(self, run_id: str) -> RunReport:
        """Return a run that has a folder, without its status and trace."""
        stages = sorted(self._read_run(run_id), key=lambda each: (each.started_at, each.request_id))
        return RunReport(
            run_id=run_id,
            run_folder=self._relative(self._runs / run_id),
            stages=tuple(stages),
        )

    def _read_run(self, run_id: str) -> Iterator[StageReport]:
        folder = self._runs / run_id
        ended = set()
        for path in sorted((folder / _RESULTS).glob("*.json")):
            document = self._results.setdefault(
                path, CachedDocument(path, StageResult.model_validate_json)
            )
            result = document.read()
            if result is not None and result.run_id == run_id:
                ended.add(path.stem)
                yield self._ended(folder, path.stem, result)
        for path in sorted(folder.glob("runner_invocation.*.json")):
            named = _INVOCATION.fullmatch(path.name)
            if named is None or named[1] in ended:
                continue
            started = self._invocations.setdefault(
                path, CachedDocument(path, RunnerInvocation.model_validate_json)
            ).read()
            if started is not None and started.run_id == run_id:
                yield self._unfinished(folder, named[1], started)

    def _ended(self, folder: Path, request_id: str, result: StageResult) -> StageReport:
        transcript = self._file(folder, f"runner_events.{request_id}.jsonl")
        cost_usd, cost_unknown = self._cost(transcript, result)
        return StageReport(
            item_id=result.work_item_id,
            run_id=result.run_id,
            request_id=request_id,
            stage=result.stage,
            run_folder=self._relative(folder),
            started_at=result.started_at,
            plane=result.plane,
            result=result.terminal_result,
            failure_class=result.metadata.failure_class,
            completed_at=result.completed_at,
            seconds=result.duration_seconds,
            tokens=_usage(result.token_usage),
            cost_usd=cost_usd,
            cost_unknown=cost_unknown,
            model=result.model_name,
            thinking=result.thinking_level,
            runner=result.runner_name,
            report=self._file(folder, result.report_artifact),
            transcript=transcript,
            prompt=self._file(folder, f"runner_prompt.{request_id}.md"),
            stdout=self._file(folder, result.stdout_path),
            stderr=self._file(folder, result.stderr_path),
        )

    def _unfinished(self, folder: Path, request_id: str, started: RunnerInvocation) -> StageReport:
        item_id = started.active_work_item_id or started.closure_target_root_spec_id or ""
        return StageReport(
            item_id=item_id,
            run_id=started.run_id,
            request_id=request_id,
            stage=started.stage,
            run_folder=self._relative(folder),
            started_at=started.emitted_at,
            cost_unknown="the stage did not end",
            model=started.model_name,
            thinking=started.thinking_level,
            runner=started.runner_name,
            transcript=self._file(folder, f"runner_events.{request_id}.jsonl"),
            prompt=self._file(folder, f"runner_prompt.{request_id}.md"),
            stdout=self._file(folder, f"runner_stdout.{request_id}.txt"),
            stderr=self._file(folder, f"runner_stderr.{request_id}.txt"),
        )

    def _cost(self, transcript: str | None, result: StageResult) -> tuple[float | None, str | None]:
        """Return a stage's cost, or why it is not known."""
        if transcript is None:
            return None, "Millrace kept no transcript, which has the cost"
        path = self._root / transcript
        cost = self._costs.setdefault(path, CachedDocument(path, read_cost)).read()
        if cost is None or cost.usd is None:
            return None, f"pi has no price for {result.model_name}"
        return cost.usd, None

    def _file(self, folder: Path, name: str | None) -> str | None:
        """Return a file's path in the workspace, None if it is missing or outside."""
        if not name:
            return None
        for path in (folder / name, folder / Path(name).name):
            found = Path(os.path.normpath(path))
            if self._is_inside(found):
                return self._relative(found)
        return None

    def _is_inside(self, path: Path) -> bool:
        try:
            return path.is_file() and path.resolve().is_relative_to(self._root.resolve())
        except (OSError, ValueError, RuntimeError):
            return False

    def _relative(self, path: Path) -> str:
        try:
            return str(path.relative_to(self._root))
        except ValueError:  # the same file by another spelling of the workspace's path
            return str(path.resolve().relative_to(self._root.resolve()))


def _usage(tokens: StageTokens | None) -> TokenUsage | None:
    if tokens is None:
        return None
    return TokenUsage(
        input=tokens.input_tokens,
        cached=tokens.cached_input_tokens,
        output=tokens.output_tokens,
        thinking=tokens.thinking_tokens,
        total=tokens.total_tokens,
    )
