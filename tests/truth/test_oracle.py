"""The oracle on small workspaces written by hand: one proof less is never completed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.truth.oracle import Truth, find_truth

TARGET = "arbiter/targets/idea-i.json"
CLOSED = {
    "closure_open": False,
    "closure_blocked_by_lineage_work": False,
    "blocking_work_ids": [],
    "last_arbiter_run_id": "r-arbiter",
}
CLOSURE = {"request_kind": "closure_target", "closure_target_root_spec_id": "idea-i"}

Files = dict[str, str]


def stage(item_id: str, name: str, result: str, **metadata: str) -> str:
    """Return one stage's result."""
    document = {"work_item_id": item_id, "stage": name, "terminal_result": result}
    return json.dumps({**document, "metadata": metadata, "completed_at": "2026-01-01"})


def task() -> Files:
    """A task that is done."""
    return {
        "tasks/done/t.md": "# T\n\nTask-ID: t\n",
        "runs/r-t/stage_results/a.json": stage("t", "updater", "UPDATE_COMPLETE"),
    }


def probe() -> Files:
    """A probe that recon sent on as the task."""
    return {
        **task(),
        "probes/done/p.md": "# P\n\nProbe-ID: p\n",
        "runs/r-p/stage_results/a.json": stage("p", "recon", "RECON_TO_EXECUTION"),
        "runs/r-p/generated_task.md": "# T\n\nTask-ID: t\n",
    }


def idea() -> Files:
    """An idea whose spec the Arbiter closed."""
    return {
        "intake/ideas/normalized/n.json": json.dumps(
            {"spec_id": "idea-i", "source_path": "inbox/idea-x.md", "archived_source": None}
        ),
        "specs/done/idea-i.md": "# I\n\nSpec-ID: idea-i\n",
        "tasks/done/part.md": "# Part\n\nRoot-Spec-ID: idea-i\n",
        TARGET: json.dumps(CLOSED),
        "runs/r-arbiter/stage_results/a.json": stage(
            "idea-i", "arbiter", "ARBITER_COMPLETE", **CLOSURE
        ),
    }


def found(root: Path, files: Files, item_id: str, kind: str) -> Truth:
    """Write the files and ask the oracle."""
    for name, text in files.items():
        path = root / "millrace-agents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return find_truth(root, item_id, kind).truth


WHOLE: list[tuple[Callable[[], Files], str, str]] = [
    (task, "t", "task"),
    (probe, "p", "probe"),
    (idea, "x", "idea"),
]


@pytest.mark.parametrize(("build", "item_id", "kind"), WHOLE)
def test_a_whole_lineage_is_completed(
    tmp_path: Path, build: Callable[[], Files], item_id: str, kind: str
) -> None:
    assert found(tmp_path, build(), item_id, kind) is Truth.COMPLETED


@pytest.mark.parametrize(
    ("build", "item_id", "kind", "hidden"),
    [
        (build, item_id, kind, name)
        for build, item_id, kind in WHOLE
        for name in build()
        if name not in {"tasks/done/part.md", "runs/r-p/generated_task.md"}
    ],
)
def test_without_any_one_proof_it_is_incomplete(
    tmp_path: Path, build: Callable[[], Files], item_id: str, kind: str, hidden: str
) -> None:
    files = {name: text for name, text in build().items() if name != hidden}

    assert found(tmp_path, files, item_id, kind) is Truth.INCOMPLETE


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (TARGET, json.dumps({**CLOSED, "closure_open": True})),
        (TARGET, json.dumps({**CLOSED, "last_arbiter_run_id": "r-other"})),
        (
            "runs/r-arbiter/stage_results/a.json",
            stage("idea-i", "arbiter", "REMEDIATION_NEEDED", **CLOSURE),
        ),
        (
            "runs/r-arbiter/stage_results/a.json",
            stage("idea-i", "arbiter", "ARBITER_COMPLETE", request_kind="closure_target"),
        ),
    ],
)
def test_another_closing_does_not_count(tmp_path: Path, changed: str, text: str) -> None:
    assert found(tmp_path, {**idea(), changed: text}, "x", "idea") is Truth.INCOMPLETE


def test_pending_work_is_reported(tmp_path: Path) -> None:
    inbox = {"intake/ideas/inbox/idea-x.md": "# X\n"}
    open_target = {**idea(), TARGET: json.dumps({**CLOSED, "closure_open": True})}

    assert found(tmp_path / "inbox", inbox, "x", "idea") is Truth.INCOMPLETE
    assert find_truth(tmp_path / "inbox", "x", "idea").moving == ("idea-x.md in the inbox",)
    assert found(tmp_path / "open", open_target, "x", "idea") is Truth.INCOMPLETE
    assert find_truth(tmp_path / "open", "x", "idea").moving == ("the Arbiter of idea-i",)


def test_a_noop_of_recon_is_enough(tmp_path: Path) -> None:
    noop = {
        "probes/done/p.md": "# P\n",
        "runs/r-p/stage_results/a.json": stage("p", "recon", "RECON_NOOP"),
    }

    assert found(tmp_path, noop, "p", "probe") is Truth.COMPLETED


OPEN = {**idea(), TARGET: json.dumps({**CLOSED, "closure_open": True})}
BLOCKED_PART = {"tasks/blocked/b.md": "# B\n\nRoot-Spec-ID: idea-i\n"}
QUEUED_PART = {"tasks/queue/q.md": "# Q\n\nRoot-Spec-ID: idea-i\n"}
WAITING_PART = {
    "tasks/queue/q.md": "# Q\n\nRoot-Spec-ID: idea-i\n\nDepends-On:\n- b\n\nAcceptance:\n- x\n"
}
KEPT_OPEN = {
    TARGET: json.dumps(
        {
            **CLOSED,
            "closure_open": True,
            "closure_blocked_by_lineage_work": True,
            "blocking_work_ids": ["foreign"],
        }
    )
}


@pytest.mark.parametrize(
    ("more", "truth"),
    [
        (BLOCKED_PART, Truth.BLOCKED),
        ({**BLOCKED_PART, **QUEUED_PART}, Truth.INCOMPLETE),
        ({**BLOCKED_PART, **WAITING_PART}, Truth.BLOCKED),
        ({"tasks/blocked/foreign.md": "# F\n"}, Truth.INCOMPLETE),
        ({**KEPT_OPEN, "tasks/blocked/foreign.md": "# F\n"}, Truth.BLOCKED),
        ({**KEPT_OPEN, "tasks/queue/foreign.md": "# F\n"}, Truth.INCOMPLETE),
    ],
)
def test_an_idea_is_blocked_when_something_is_and_nothing_else_can_continue(
    tmp_path: Path, more: Files, truth: Truth
) -> None:
    assert found(tmp_path, {**OPEN, **more}, "x", "idea") is truth


def test_a_blocked_task_is_blocked_although_an_incident_continues(tmp_path: Path) -> None:
    files = {
        "tasks/blocked/t.md": "# T\n",
        "incidents/active/n.md": "# N\n\nSource-Task-ID: t\n",
    }

    assert found(tmp_path, files, "t", "task") is Truth.BLOCKED
