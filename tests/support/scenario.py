"""The script of the stage runner, and its record: the test side of `stage_runner.py`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of one stage; without any field the stage succeeds at once.

    Attributes:
        marker: the terminal marker without `### `; None is the stage's success.
        seconds: how long the stage takes.
        exit_code: die with it instead of answering.
        hang: never answer; still leave when standard input closes, as pi does.
        deaf: ignore SIGTERM and the end of standard input while working.
        detached_child: leave a `sleep` in a session of its own behind, as pi's tools can.
        no_artifacts: do not write the files that the stage must write.
        run_files: more files for the run's directory, by name.
        workspace_files: files for the workspace, by path.
        until: wait for this file.
        commit: commit the workspace with this message, by the git on PATH.
        task: for recon: `id`, `title` or `depends_on` of the derived task.
        spec_id: for recon: the id of the derived spec.
        tasks: for the manager: its tasks, each with `id`, and `title`, `depends_on` if wanted.
        disposition: for the planner: what to change in its disposition.
    """

    marker: str | None = None
    seconds: float = 0.02
    exit_code: int | None = None
    hang: bool = False
    deaf: bool = False
    detached_child: bool = False
    no_artifacts: bool = False
    run_files: dict[str, str] = field(default_factory=dict)
    workspace_files: dict[str, str] = field(default_factory=dict)
    until: str | None = None
    commit: str | None = None
    task: dict[str, object] = field(default_factory=dict)
    spec_id: str | None = None
    tasks: tuple[dict[str, object], ...] | None = None
    disposition: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCall:
    """One line of the runner's log."""

    at: float
    phase: str
    stage: str
    item_kind: str
    item_id: str
    run_directory: str
    prompt_path: str
    marker: str
    pid: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """The steps by `stage` or `stage:item`, the n-th for the n-th call, the last for all later."""

    steps: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    default: Step = field(default_factory=Step)

    def write(self, path: Path, *, log: Path) -> None:
        """Write the file the runner reads."""
        steps = {key: [_changes(step) for step in steps] for key, steps in self.steps.items()}
        default = {"seconds": self.default.seconds, **_changes(self.default)}
        document = {"log": str(log), "default": default, "steps": steps}
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def read_calls(log: Path) -> list[StageCall]:
    """Return the runner's log, oldest first; empty while no stage has run."""
    if not log.exists():
        return []
    return [StageCall(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def _changes(step: Step) -> dict[str, object]:
    blank = Step()
    return {
        each.name: getattr(step, each.name)
        for each in dataclasses.fields(step)
        if getattr(step, each.name) != getattr(blank, each.name)
    }
