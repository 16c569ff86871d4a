"""Facts about work items, as an adapter would gather them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import (
    ClosureFact,
    Evidence,
    Fact,
    ItemFact,
    SpawnFact,
    StageFact,
)
from millracer.domain.work.items import ItemState
from millracer.millrace.wire.stage_results import RESULT_NAMES, is_valid, proof_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def item(item_id: str, work_kind: str, state: ItemState = ItemState.DONE) -> ItemFact:
    return ItemFact(
        item_id=item_id, work_kind=work_kind, state=state, source=f"show {item_id}", observed_at=NOW
    )


def stage(  # noqa: PLR0913, PLR0917 - one argument per thing that can be wrong
    item_id: str,
    work_kind: str,
    name: str,
    result: str,
    run_id: str,
    root_spec_id: str | None = None,
) -> StageFact:
    return restated(
        StageFact(
            run_id=run_id,
            item_id=item_id,
            work_kind=work_kind,
            stage=name,
            terminal_result=result,
            run_status="complete",
            source=f"trace {run_id}",
            observed_at=NOW,
            root_spec_id=root_spec_id,
        )
    )


def restated(fact: StageFact, *, request_kind: str | None = None, **words: str | None) -> StageFact:
    """Return the fact that the backend makes of a result with these words instead."""
    changed = replace(fact, **words)
    usual = "active_work_item" if changed.root_spec_id is None else "closure_target"
    return replace(
        changed,
        proves=proof_of(changed.stage, changed.terminal_result, request_kind or usual),
        counts=is_valid(changed.run_status),
    )


def spawn(parent: str, child: str, kind: str, run_id: str | None = None) -> SpawnFact:
    return SpawnFact(
        parent_id=parent,
        child_id=child,
        child_kind=kind,
        how="as reported",
        source="file",
        observed_at=NOW,
        run_id=run_id,
    )


def closure(spec_id: str, run_id: str | None, *, open_: bool = False) -> ClosureFact:
    return ClosureFact(
        root_spec_id=spec_id,
        open=open_,
        closing_run_id=run_id,
        blocked_by_lineage_work=False,
        blocking_ids=(),
        source="target",
        observed_at=NOW,
    )


def evidence(kind: IntakeKind | None, item_id: str, facts: Iterable[Fact]) -> Evidence:
    facts = list(facts)
    return Evidence(
        item_id=item_id,
        kind=kind,
        items=tuple(fact for fact in facts if isinstance(fact, ItemFact)),
        stages=tuple(fact for fact in facts if isinstance(fact, StageFact)),
        spawns=tuple(fact for fact in facts if isinstance(fact, SpawnFact)),
        closures=tuple(fact for fact in facts if isinstance(fact, ClosureFact)),
        result_names=RESULT_NAMES,
    )
