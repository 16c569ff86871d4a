"""The closing lines name what was changed and used, and nothing that is not known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, NextStep, RunResult, Versions
from millracer.domain.run.usage import AgentUsage
from millracer.domain.work.changes import Changes, FileChange, FileStatus
from millracer.domain.work.stages import TokenUsage
from millracer.run.closing import closing_lines, facts_line
from tests.unit.domain.run.test_usage import stage

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def change(path: str, added: int | None, removed: int | None) -> FileChange:
    return FileChange(path=path, status=FileStatus.MODIFIED, added=added, removed=removed)


def measured(*files: FileChange) -> Changes:
    return Changes(started_at=NOW, ended_at=NOW, files=files)


def result(**fields: Any) -> RunResult:
    plain: dict[str, Any] = {
        "request_id": "r",
        "workspace": "/w",
        "outcome": Outcome.COMPLETED,
        "output": "",
        "versions": Versions(millracer="0"),
        "timings": {"decide": 2.0, "monitor": 70.4},
    }
    return RunResult(**{**plain, **fields})


def used(total: int) -> AgentUsage:
    return AgentUsage(turns=1, tokens=TokenUsage(total=total))


def test_the_facts_are_one_line() -> None:
    changes = measured(change("a", 40, 7), change("b", 1, 0), change("image", None, None))
    ended = result(changes=changes, agent_usage=used(42_123), show_command="millracer show x")

    assert facts_line(ended) == "3 files changed, +41 -7 · 42k tokens · 1:12 · millracer show x"


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        (999, "999 tokens"),
        (1_000, "1k tokens"),
        (999_499, "999k tokens"),
        (999_500, "1.0M tokens"),
        (12_345_678, "12.3M tokens"),
    ],
)
def test_token_counts_are_short(tokens: int, shown: str) -> None:
    assert (facts_line(result(agent_usage=used(tokens))) or "").startswith(shown)


def test_tokens_are_a_lower_bound_where_a_stage_was_cut_off() -> None:
    stages = (stage(), stage(result=None, tokens=None, seconds=None))

    assert (facts_line(result(stages=stages)) or "").startswith("at least 18 tokens")


def test_unchanged_files_are_reported_and_unknown_changes_are_not() -> None:
    assert (facts_line(result(changes=measured())) or "").startswith("no file changed")
    assert facts_line(result(changes=Changes(unknown="not a repository"))) is None
    assert facts_line(result()) is None


def test_the_closing_lines_are_outcome_facts_and_next_steps() -> None:
    ended = result(
        outcome=Outcome.BLOCKED,
        event=DecidingEvent(EventKind.BLOCKED, "Millrace blocked it", NOW),
        changes=measured(change("a", 1, 0)),
        next_steps=(NextStep("retry", "millracer retry x"),),
        timings={"monitor": 3700.0},
    )

    assert closing_lines(ended, with_evidence=False) == (
        "blocked: Millrace blocked it\n"
        "  1 file changed, +1 -0 · 1:01:40\n"
        "  to retry: millracer retry x"
    )
