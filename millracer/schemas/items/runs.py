"""The JSON of Millrace's runs: `millracer.runs.v1` of all, `millracer.shown_run.v1` of one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from millracer.domain.run.result import ErrorRecord
from millracer.domain.work.runs import RunReport
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.items.item import ItemStageDocument
from millracer.schemas.items.report import ItemsReport
from millracer.schemas.run.document import ErrorDocument


class MillraceRunDocument(Published):
    """One run of Millrace.

    Attributes:
        run_id: Millrace's id of the run.
        status: Millrace's word for how the run ended or continues; null if it left no trace.
        work_item_ids: the items of its stages.
        started_at: the start of the first stage; null if no stage was recorded.
        completed_at: the end of the last stage; null if a stage has not ended or was cut off.
        run_folder: its folder, relative to the workspace.
        stages: the stages that ran, by start time.
    """

    run_id: str
    status: str | None
    work_item_ids: list[str]
    started_at: datetime | None
    completed_at: datetime | None
    run_folder: str
    stages: list[ItemStageDocument]


class RunsResult(ItemsReport):
    """The runs of a workspace, the newest first.

    Attributes:
        runs: the runs.
        millrace_version: the version found; null if Millrace was not called.
    """

    schema_version: Literal["millracer.runs.v1"] = "millracer.runs.v1"
    runs: list[MillraceRunDocument] = Field(default_factory=list)
    millrace_version: str | None = None


class ShownRunResult(ItemsReport):
    """One run whole.

    Attributes:
        run: the run; null if it could not be read.
        trace: Millrace's own trace of the run, unchanged; null if Millrace left none.
        millrace_version: the version found; null if Millrace was not called.
    """

    schema_version: Literal["millracer.shown_run.v1"] = "millracer.shown_run.v1"
    run: MillraceRunDocument | None = None
    trace: dict[str, Any] | None = None
    millrace_version: str | None = None


def describe_runs(
    workspace: str, runs: Iterable[RunReport], version: str | None, warnings: Iterable[RunWarning]
) -> RunsResult:
    """Convert the runs of a workspace into their published shape."""
    return RunsResult(
        workspace=workspace,
        runs=[_run(run) for run in runs],
        millrace_version=version,
        warnings=[str(warning) for warning in warnings],
    )


def describe_shown_run(
    workspace: str, run: RunReport, version: str | None, warnings: Iterable[RunWarning]
) -> ShownRunResult:
    """Convert one run into its published shape."""
    return ShownRunResult(
        workspace=workspace,
        run=_run(run),
        trace=None if run.trace is None else dict(run.trace),
        millrace_version=version,
        warnings=[str(warning) for warning in warnings],
    )


def describe_list_failure(error: MillracerError, _command: str | None = None) -> RunsResult:
    """Return the document of runs that could not be listed."""
    return RunsResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_show_failure(error: MillracerError, _command: str | None = None) -> ShownRunResult:
    """Return the document of a run that could not be read."""
    return ShownRunResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def _run(run: RunReport) -> MillraceRunDocument:
    return MillraceRunDocument.of(run, work_item_ids=list(run.item_ids))
