"""Parse the prompt of a Millrace stage, as an agent would read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

_FIELD = re.compile(r"^([A-Z][A-Za-z ]+): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequest:
    """The fields of a stage prompt that the scripted stages use.

    Attributes:
        stage: the stage's name.
        run_id: the run it belongs to.
        run_directory: the folder for the stage's documents.
        item_kind: kind of the active work item; `none` for the arbiter, which has none.
        item_id: id of the active work item; `none` for the arbiter.
        item_path: the work item's document.
        root_spec_id: for the arbiter: the spec that it judges.
        rubric_path: the path for the arbiter's rubric.
        verdict_path: the path for its verdict.
        report_path: the path for its report.
    """

    stage: str
    run_id: str
    run_directory: PurePosixPath
    item_kind: str
    item_id: str
    item_path: str
    root_spec_id: str
    rubric_path: str
    verdict_path: str
    report_path: str

    @classmethod
    def read(cls, prompt: str) -> Self | None:
        """Parse a prompt; None if it is not the prompt of a stage."""
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(prompt):
            fields.setdefault(name, value)
        if "Stage" not in fields or "Run Directory" not in fields:
            return None
        item_kind, _, item_id = fields.get("Active Work Item", "none none").partition(" ")
        return cls(
            stage=fields["Stage"],
            run_id=fields.get("Run ID", "none"),
            run_directory=PurePosixPath(fields["Run Directory"]),
            item_kind=item_kind,
            item_id=item_id,
            item_path=fields.get("Active Work Item Path", "none"),
            root_spec_id=fields.get("Closure Target Root Spec ID", "none"),
            rubric_path=fields.get("Preferred Rubric Path", "none"),
            verdict_path=fields.get("Preferred Verdict Path", "none"),
            report_path=fields.get("Preferred Report Path", "none"),
        )

    @property
    def task_queue(self) -> PurePosixPath:
        """The folder for the manager's tasks, beside the folder of the runs."""
        return self.run_directory.parents[1] / "tasks" / "queue"

    def run_file(self, name: str) -> str:
        """Return the path of a file in the run's directory."""
        return str(self.run_directory / name)
