"""Reports of Millrace's runs: each is one attempt of Millrace at a work item, in stages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from millracer.domain.work.runtime import JsonObject
from millracer.domain.work.stages import StageReport


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run of Millrace.

    Attributes:
        run_id: Millrace's id of the run.
        run_folder: its folder, relative to the workspace.
        stages: the stages that ran, by start time.
        status: Millrace's word for how the run ended or continues; None if it left no trace.
        trace: Millrace's own trace of the run, unchanged; None if there is none or it was not read.
    """

    run_id: str
    run_folder: str
    stages: tuple[StageReport, ...] = ()
    status: str | None = None
    trace: JsonObject | None = None

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The work items of the stages, each once."""
        return tuple(dict.fromkeys(each.item_id for each in self.stages if each.item_id))

    @property
    def started_at(self) -> datetime | None:
        """The start of the first stage; None without stages."""
        return self.stages[0].started_at if self.stages else None

    @property
    def completed_at(self) -> datetime | None:
        """The end of the last stage; None while a stage has not ended, and without stages."""
        ends = [each.completed_at for each in self.stages]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None


def newest_first(runs: list[RunReport]) -> tuple[RunReport, ...]:
    """Return the runs by start time, the newest first; those without stages come last."""
    started = [(run.started_at, run) for run in runs]
    dated = [(at, run) for at, run in started if at is not None]
    dated.sort(key=lambda each: (each[0], each[1].run_id), reverse=True)
    undated = sorted((run for at, run in started if at is None), key=lambda run: run.run_id)
    return (*(run for _, run in dated), *undated)
