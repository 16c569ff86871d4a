"""The plain answer of a delegated run, built from its evidence without a model."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.run.completion import NOWHERE, MissingEvidence
from millracer.domain.run.evidence import Fact, run_of, state_fact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import NextStep, RunResult


def describe_fact(fact: Fact) -> str:
    """Return one fact as a line, with its source."""
    run_id = run_of(fact)
    run = "" if run_id is None else f" in run {run_id}"
    return f"{state_fact(fact)}{run} ({fact.source})"


def summarise(  # noqa: PLR0913 - the parts of an answer
    *,
    outcome: Outcome,
    reason: str,
    proof: Sequence[Fact],
    missing: Sequence[MissingEvidence],
    next_steps: Sequence[NextStep],
    facts: str | None = None,
) -> str:
    """Return the closing answer: outcome, facts, proof, missing evidence and next steps."""
    lines = [f"{outcome}: {reason}"]
    lines += [] if facts is None else [f"  {facts}"]
    lines += [f"  evidence: {describe_fact(fact)}" for fact in proof]
    lines += [f"  missing: {_describe_gap(entry)}" for entry in missing]
    lines += [f"  to {step.action}: {step.command}" for step in next_steps]
    return "\n".join(lines)


def summary_of(result: RunResult) -> str | None:
    """Return the plain answer for a finished run; None without a deciding event."""
    if result.event is None:
        return None
    return summarise(
        outcome=result.outcome,
        reason=result.event.reason,
        proof=result.proof,
        missing=result.missing_evidence,
        next_steps=result.next_steps,
    )


def is_answer(result: RunResult) -> bool:
    """Whether the output is an answer of pi, not the description of the outcome."""
    if result.event is None:
        return result.outcome is Outcome.COMPLETED
    return result.output != summary_of(result)


def _describe_gap(entry: MissingEvidence) -> str:
    if entry.looked_in == NOWHERE:
        return f"{entry.needed} ({entry.found})"
    return f"{entry.needed} (looked in {entry.looked_in}; found {entry.found})"
