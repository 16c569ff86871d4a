"""Any result a run can have, whether or not it makes sense: what is printed must fit the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from hypothesis import strategies as st

from millracer.cancellation import CancelReason
from millracer.domain.programs import ProgramsUsed, ProgramUsed, ToolOrigin
from millracer.domain.requests import Decision, IntakeKind, Route, ScopedWork
from millracer.domain.run.completion import MissingEvidence
from millracer.domain.run.evidence import (
    ClosureFact,
    Fact,
    ItemFact,
    LineageItem,
    SpawnFact,
    StageFact,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import PROGRESS_KINDS, EventKind, ProgressEvent
from millracer.domain.run.result import DecidingEvent, ErrorRecord, NextStep, RunResult, Versions
from millracer.domain.work.items import ItemState
from millracer.errors import RunWarning
from tests.support.ops_requests import json_values, texts

_Value = TypeVar("_Value")

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

#: What a run's errors are called, and what only a request's are.
ERROR_CODES = (
    *("internal_error", "usage", "invalid_request", "idempotency_conflict", "mode_conflict"),
    *("millrace_not_found", "pi_failed", "millrace_timed_out", "workspace_unusable"),
)


def run_results(text: st.SearchStrategy[str]) -> st.SearchStrategy[RunResult]:
    """Any run result; every text of it but Millrace's own status is drawn from `text`."""
    maybe = st.none() | text
    used = st.none() | st.builds(ProgramUsed, command=text, origin=st.sampled_from(ToolOrigin))
    warnings = st.builds(RunWarning, st.sampled_from(["a_code", "unknown_field"]), text)
    errors = st.builds(ErrorRecord, st.sampled_from(ERROR_CODES), text, maybe, text)
    return st.builds(
        RunResult,
        request_id=text,
        workspace=text,
        outcome=st.sampled_from(Outcome),
        output=text,
        versions=st.builds(Versions, millracer=text, millrace=maybe, pi=maybe),
        tools=st.builds(ProgramsUsed, millrace=used, pi=used),
        route=st.none() | st.sampled_from(Route),
        intake_kind=st.none() | st.sampled_from(IntakeKind),
        intake_signals=_some(text),
        decision=st.none() | _decisions(text),
        event=st.none()
        | st.builds(DecidingEvent, st.sampled_from(EventKind), text, st.just(NOW), maybe, maybe),
        task_path=maybe,
        status=st.none() | st.dictionaries(texts(), json_values(strict=True), max_size=3),
        warnings=_some(warnings),
        proof=_some(_facts(text)),
        lineage=_some(_members(text)),
        scoped_completion=st.booleans(),
        scope=st.none() | st.builds(ScopedWork, item_id=text, title=maybe, constraints=_some(text)),
        progress_events=_some(_progress(text)),
        work_item_id=maybe,
        missing_evidence=_some(st.builds(MissingEvidence, text, text, text)),
        errors=_some(errors),
        next_steps=_some(st.builds(NextStep, text, text)),
        restarts=st.integers(0, 9),
        timings=st.dictionaries(st.sampled_from(["decide", "watch"]), st.floats(0, 1e6)),
        cancel_reason=st.none() | st.sampled_from(CancelReason),
    )


def _some(values: st.SearchStrategy[_Value]) -> st.SearchStrategy[tuple[_Value, ...]]:
    return st.lists(values, max_size=2).map(tuple)


def _decisions(text: st.SearchStrategy[str]) -> st.SearchStrategy[Decision]:
    return st.builds(
        Decision,
        route=st.sampled_from(Route),
        why=text,
        mode=st.none() | text,
        signals=_some(text),
        notes=text,
    )


def _facts(text: st.SearchStrategy[str]) -> st.SearchStrategy[Fact]:
    at, maybe = st.just(NOW), st.none() | text
    return st.one_of(
        st.builds(
            ItemFact,
            item_id=text,
            work_kind=text,
            state=st.sampled_from(ItemState),
            source=text,
            observed_at=at,
        ),
        st.builds(
            StageFact,
            run_id=text,
            item_id=maybe,
            work_kind=maybe,
            stage=text,
            terminal_result=maybe,
            run_status=maybe,
            source=text,
            observed_at=at,
            root_spec_id=maybe,
        ),
        st.builds(
            SpawnFact,
            parent_id=text,
            child_id=text,
            child_kind=text,
            how=text,
            source=text,
            observed_at=at,
        ),
        st.builds(
            ClosureFact,
            root_spec_id=text,
            open=st.booleans(),
            closing_run_id=maybe,
            blocked_by_lineage_work=st.booleans(),
            blocking_ids=_some(text),
            source=text,
            observed_at=at,
        ),
    )


def _members(text: st.SearchStrategy[str]) -> st.SearchStrategy[LineageItem]:
    return st.builds(
        LineageItem,
        item_id=text,
        work_kind=text,
        state=st.sampled_from(ItemState),
        how=text,
        source=text,
        parent_id=st.none() | text,
    )


def _progress(text: st.SearchStrategy[str]) -> st.SearchStrategy[ProgressEvent]:
    return st.builds(
        ProgressEvent,
        number=st.integers(0, 99),
        at=st.just(NOW),
        observed_at=st.just(NOW),
        type=st.sampled_from(sorted(PROGRESS_KINDS)),
        workspace=text,
        message=text,
        payload=st.fixed_dictionaries({"state": text}),
    )
