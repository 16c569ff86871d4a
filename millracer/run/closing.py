"""The closing lines of a run for a person: outcome, what was done and used, next steps."""

from __future__ import annotations

from millracer.domain.run.result import RunResult
from millracer.domain.run.usage import total_of
from millracer.domain.work.changes import Changes
from millracer.run.summary import summarise

_THOUSAND, _MILLION = 1_000, 1_000_000
#: In dollars; a smaller cost is shown as zero, that is, not at all.
_LEAST_COST = 0.005
_SEPARATOR = " · "


def closing_lines(result: RunResult, *, with_evidence: bool) -> str | None:
    """Return the lines below an answer; None without a deciding event and without facts.

    Args:
        result: the result of the run.
        with_evidence: name each proof; otherwise the outcome's reason stands for it.
    """
    facts = _join(describe_facts(result))
    if result.event is None:
        return facts
    return summarise(
        outcome=result.outcome,
        reason=result.event.reason,
        proof=result.proof if with_evidence else (),
        missing=result.missing_evidence,
        next_steps=result.next_steps,
        facts=facts,
    )


def facts_line(result: RunResult) -> str | None:
    """Return the line with the facts; None if there are none."""
    return _join(describe_facts(result))


def describe_facts(result: RunResult) -> list[str]:
    """Return what was changed and used: files, tokens; then the time and the command for more.

    Without a change and a token there are no facts.
    """
    parts = [*_describe_changes(result.changes), *_describe_tokens(result)]
    parts += _describe_cost(result) if parts else []
    if not parts:
        return []
    seconds = sum(result.timings.values())
    if seconds:
        parts.append(_clock(seconds))
    if result.show_command is not None:
        parts.append(result.show_command)
    return parts


def _join(parts: list[str]) -> str | None:
    return _SEPARATOR.join(parts) if parts else None


def _describe_changes(changes: Changes | None) -> list[str]:
    if changes is None or changes.unknown is not None:
        return []
    if changes.started_at is None:
        return []
    count = len(changes.files)
    if not count:
        return ["no file changed"]
    files = "1 file" if count == 1 else f"{count} files"
    return [f"{files} changed, +{changes.added} -{changes.removed}"]


def _describe_tokens(result: RunResult) -> list[str]:
    total = total_of(result.stages, result.agent_usage)
    if not total.tokens.total:
        return []
    bound = "at least " if total.unknown else ""
    return [f"{bound}{short_number(total.tokens.total)} tokens"]


def _describe_cost(result: RunResult) -> list[str]:
    cost = total_of(result.stages, result.agent_usage).cost.usd
    return [f"${cost:.2f}"] if cost and cost >= _LEAST_COST else []


def short_number(number: int) -> str:
    """Return a number with at most three digits before its unit."""
    if number < _THOUSAND:
        return str(number)
    if number < _MILLION - _THOUSAND // 2:
        return f"{number / _THOUSAND:.0f}k"
    return f"{number / _MILLION:.1f}M"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
