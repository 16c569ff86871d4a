"""The facts of a scripted item, as evidence."""

from __future__ import annotations

import shlex

from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import ItemFact, SpawnFact, StageFact, StageProof
from millracer.domain.work.items import ItemState
from millracer.testing.steps import NOW, HeldItem


def described(*words: str, workspace: str) -> str:
    """Return a command of Millrace as the source of a fact."""
    return shlex.join(("millrace", *words, "--workspace", workspace))


def work_kind_of(item: HeldItem) -> str | None:
    """Return the kind in Millrace of a held item; None for an idea that is not accepted."""
    if item.kind is IntakeKind.IDEA:
        in_inbox = item.state in (ItemState.INBOX, ItemState.MAILBOX, ItemState.REFUSED)
        return "idea" if in_inbox else "spec"
    return None if item.kind is None else item.kind.value


def item_fact(item: HeldItem, workspace: str) -> ItemFact:
    """Return the fact of an item's state."""
    return ItemFact(
        item_id=item.item_id,
        work_kind=item.work_kind or work_kind_of(item) or "task",
        state=item.state,
        source=described("queue", "show", item.millrace_id or item.item_id, workspace=workspace),
        observed_at=NOW,
        detail=item.detail,
    )


def stage_fact(item: HeldItem, workspace: str) -> StageFact:
    """Return the fact of the stage that did an item's work."""
    work_kind = item.work_kind or work_kind_of(item) or "task"
    is_probe = work_kind == "probe"
    proof = StageProof.NOTHING_TO_DO if is_probe else StageProof.WORK_RECORDED
    result = "RECON_NOOP" if is_probe else "UPDATE_COMPLETE"
    return StageFact(
        run_id="run-1",
        item_id=item.millrace_id or item.item_id,
        work_kind=work_kind,
        stage="recon" if is_probe else "updater",
        terminal_result=result if item.runner_failure is None else "BLOCKED",
        run_status="complete" if item.runner_failure is None else "blocked",
        proves=proof if item.runner_failure is None else None,
        counts=item.runner_failure is None,
        source=described("runs", "trace", "run-1", "--format", "json", workspace=workspace),
        observed_at=NOW,
        completed_at=NOW,
        runner_failure=item.runner_failure,
    )


def spawn_fact(item: HeldItem) -> SpawnFact:
    """Return the fact that an item comes from its parent."""
    assert item.parent_id is not None
    return SpawnFact(
        parent_id=item.parent_id,
        child_id=item.item_id,
        child_kind=item.work_kind or "task",
        how="the script derived it",
        source="the script",
        observed_at=NOW,
    )
