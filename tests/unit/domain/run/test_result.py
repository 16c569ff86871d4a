from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.cancellation import CancelReason
from millracer.domain.run.completion import MissingEvidence, Verdict
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import ClosureFact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import (
    ErrorRecord,
    RunResult,
    Versions,
    cancelled_result,
    event_kind_of,
    exit_code_of,
    failed_result,
    outcome_of,
)
from millracer.errors import MillracerError, ToolFailed

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MISSING = Verdict(missing=(MissingEvidence("a", "b", "c"),))
COMPLETED = Verdict(completed=True)
BLOCKED = Verdict(blocked=True, missing=MISSING.missing)

OUTCOMES = {
    Ending.ANSWERED: Outcome.COMPLETED,
    Ending.ITEM_ENDED: Outcome.INCOMPLETE,
    Ending.BLOCKED: Outcome.BLOCKED,
    Ending.SET_ASIDE: Outcome.INCOMPLETE,
    Ending.AT_REST: Outcome.INCOMPLETE,
    Ending.STUCK: Outcome.BLOCKED,
    Ending.UNKNOWN: Outcome.INCOMPLETE,
    Ending.STOPPED: Outcome.RESTART_NEEDED,
    Ending.CRASHED: Outcome.CRASHED,
    Ending.RESTART_NEEDED: Outcome.RESTART_NEEDED,
    Ending.TIMED_OUT: Outcome.TIMED_OUT,
    Ending.BUDGET_EXHAUSTED: Outcome.BUDGET_EXHAUSTED,
    Ending.CANCELLED: Outcome.CANCELLED,
    Ending.FAILED: Outcome.FAILED,
}


@pytest.mark.parametrize("ending", Ending)
def test_without_a_verdict_the_ending_names_the_outcome(ending: Ending) -> None:
    assert OUTCOMES[ending] is outcome_of(ending, MISSING)


@given(st.sampled_from(Ending))
def test_what_is_proven_done_is_completed_however_the_waiting_ended(ending: Ending) -> None:
    assert outcome_of(ending, COMPLETED) is Outcome.COMPLETED


@given(st.sampled_from([ending for ending in Ending if ending is not Ending.ANSWERED]))
def test_without_proof_no_delegated_ending_is_completed(ending: Ending) -> None:
    assert outcome_of(ending, MISSING) is not Outcome.COMPLETED
    assert outcome_of(ending, BLOCKED) is Outcome.BLOCKED


def test_every_outcome_can_be_reached() -> None:
    assert set(Outcome) == {
        outcome_of(ending, verdict)
        for ending in Ending
        for verdict in (MISSING, COMPLETED, BLOCKED)
    }


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.ANSWERED, None),
        (Ending.ITEM_ENDED, EventKind.IDLE_NO_WORK),
        (Ending.AT_REST, EventKind.IDLE_NO_WORK),
        (Ending.STUCK, EventKind.STUCK),
        (Ending.BLOCKED, EventKind.BLOCKED),
        (Ending.SET_ASIDE, EventKind.IDLE_NO_WORK),
        (Ending.UNKNOWN, EventKind.IDLE_NO_WORK),
        (Ending.STOPPED, EventKind.RESTART_NEEDED),
        (Ending.CRASHED, EventKind.CRASHED),
        (Ending.RESTART_NEEDED, EventKind.RESTART_NEEDED),
        (Ending.TIMED_OUT, EventKind.TIMED_OUT),
        (Ending.BUDGET_EXHAUSTED, EventKind.BUDGET_EXHAUSTED),
        (Ending.CANCELLED, EventKind.CANCELLED),
        (Ending.FAILED, None),
    ],
)
def test_each_ending_has_its_event(ending: Ending, expected: EventKind | None) -> None:
    assert expected == event_kind_of(ending, MISSING)
    assert event_kind_of(ending, COMPLETED) is EventKind.SCOPED_COMPLETE


def test_what_an_arbiter_closed_has_an_event_of_its_own() -> None:
    closed = ClosureFact(
        root_spec_id="s",
        open=False,
        closing_run_id="r",
        blocked_by_lineage_work=False,
        blocking_ids=(),
        source="s",
        observed_at=NOW,
    )

    verdict = Verdict(completed=True, proof=(closed,))

    assert event_kind_of(Ending.ITEM_ENDED, verdict) is EventKind.ARBITER_COMPLETE


def test_what_is_blocked_is_not_called_stuck() -> None:
    assert event_kind_of(Ending.STUCK, BLOCKED) is EventKind.BLOCKED


def result(outcome: Outcome, *codes: str, reason: CancelReason | None = None) -> RunResult:
    return RunResult(
        request_id="r",
        workspace="/w",
        outcome=outcome,
        output="",
        versions=Versions(millracer="0"),
        errors=tuple(ErrorRecord(code, code) for code in codes),
        timings={},
        cancel_reason=reason,
    )


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (result(Outcome.COMPLETED), 0),
        (result(Outcome.FAILED, "internal_error"), 1),
        (result(Outcome.FAILED), 1),
        (result(Outcome.FAILED, "usage"), 2),
        (result(Outcome.FAILED, "config_invalid"), 2),
        (result(Outcome.FAILED, "invalid_request"), 2),
        (result(Outcome.FAILED, "idempotency_conflict"), 2),
        (result(Outcome.FAILED, "mode_conflict", "millrace_failed"), 2),
        (result(Outcome.INCOMPLETE), 3),
        (result(Outcome.BLOCKED), 4),
        (result(Outcome.RESTART_NEEDED), 5),
        (result(Outcome.CRASHED), 6),
        (result(Outcome.TIMED_OUT), 7),
        (result(Outcome.BUDGET_EXHAUSTED), 9),
        (result(Outcome.FAILED, "millrace_not_found", "usage"), 8),
        (result(Outcome.FAILED, "decision_unreadable"), 8),
        (result(Outcome.CANCELLED, reason=CancelReason.INTERRUPTED), 130),
        (result(Outcome.CANCELLED, reason=CancelReason.TERMINATED), 143),
    ],
)
def test_the_exit_code_shows_the_outcome(ended: RunResult, expected: int) -> None:
    assert expected == exit_code_of(ended)


def test_an_error_is_printed_with_its_code_its_next_step_and_the_tools_own_words() -> None:
    refused = ToolFailed("millrace", "no", detail="disk full", suggested_action="make room")

    assert ErrorRecord("millrace_failed", "no", "make room", "disk full") == ErrorRecord.of(refused)
    bug = MillracerError("odd", suggested_action="report it")
    assert ErrorRecord("internal_error", "odd", "report it", "") == ErrorRecord.of(bug)
    assert ErrorRecord("c", "m") == ErrorRecord("c", "m", None, "")


def test_a_result_claims_nothing_by_default() -> None:
    plain = result(Outcome.INCOMPLETE)

    assert (plain.scoped_completion, plain.restarts, plain.proof) == (False, 0, ())


@pytest.mark.parametrize(("action", "advice"), [(None, ""), ("make room", "\n  next: make room")])
def test_a_run_that_could_not_begin_failed_and_says_what_next(
    action: str | None, advice: str
) -> None:
    error = ToolFailed("millrace", "no room", suggested_action=action)

    failed = failed_result("r", "/w", "1.0", error)

    assert len(failed.missing_evidence) == 1
    assert failed == RunResult(
        request_id="r",
        workspace="/w",
        outcome=Outcome.FAILED,
        output=f"failed: no room{advice}",
        versions=Versions(millracer="1.0"),
        errors=(ErrorRecord.of(error),),
        missing_evidence=failed.missing_evidence,
        timings={},
    )


def test_a_run_that_was_cancelled_before_it_began_says_by_whom() -> None:
    reason = CancelReason.INTERRUPTED

    cancelled = cancelled_result("r", "/w", "1.0", reason)

    assert len(cancelled.missing_evidence) == 1
    assert reason in cancelled.output
    assert cancelled == RunResult(
        request_id="r",
        workspace="/w",
        outcome=Outcome.CANCELLED,
        output=cancelled.output,
        versions=Versions(millracer="1.0"),
        missing_evidence=cancelled.missing_evidence,
        timings={},
        cancel_reason=reason,
    )
