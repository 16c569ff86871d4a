"""A throw-away copy holds what questions of a workspace depend on, and no work."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.doctor.workspace_copy import copy_workspace
from millracer.errors import ToolTimeout
from tests.support.trees import tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "workspace"
    for name in (
        "README.md",
        "millrace-agents/millrace.toml",
        "millrace-agents/modes/lad_pi.json",
        "millrace-agents/state/compiled_plan.json",
        "millrace-agents/state/runtime_daemon.lock.json",
        "millrace-agents/state/mailbox/incoming/one.json",
        "millrace-agents/runs/run-1/stage_results/one.json",
        "millrace-agents/logs/runtime_events.jsonl",
        "millrace-agents/tasks/queue/t.md",
    ):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return made


@pytest.fixture
def into(tmp_path: Path) -> Path:
    made = tmp_path / "copy"
    made.mkdir()
    return made


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_millrace_reads_is_copied_without_runs_and_without_who_works_there(
    root: Path, into: Path
) -> None:
    before = tree(root)

    copy_workspace(root, into, Wait.for_seconds(5))

    assert _names(into) == {
        "millrace-agents/millrace.toml",
        "millrace-agents/modes/lad_pi.json",
        "millrace-agents/state/compiled_plan.json",
        "millrace-agents/tasks/queue/t.md",
    }
    for name in ("runs", "logs", "state/mailbox/incoming"):
        assert (into / "millrace-agents" / name).is_dir()
    assert tree(root) == before


def test_writing_the_copy_of_a_link_leaves_what_it_leads_to(
    root: Path, into: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    (root / "millrace-agents" / "state").rename(shared)
    (root / "millrace-agents" / "state").symlink_to(shared)
    (root / "millrace-agents" / "gone").symlink_to(tmp_path / "nowhere")

    copy_workspace(root, into, Wait.for_seconds(5))
    plan = into / "millrace-agents" / "state" / "compiled_plan.json"
    plan.write_text("another", encoding="utf-8")

    assert (shared / "compiled_plan.json").read_text(encoding="utf-8").startswith("millrace-agents")


def test_what_was_never_initialised_stays_empty(tmp_path: Path, into: Path) -> None:
    copy_workspace(tmp_path / "nowhere", into, Wait.for_seconds(5))

    assert list(into.iterdir()) == []


def test_what_takes_too_long_is_given_up(root: Path, into: Path) -> None:
    with pytest.raises(ToolTimeout, match="too large"):
        copy_workspace(root, into, Wait.for_seconds(0))


def test_copying_can_be_cancelled(root: Path, into: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)

    with pytest.raises(Cancelled):
        copy_workspace(root, into, Wait(cancellation))
