"""The plain answer of a delegated run, made from its evidence without a model."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.completion import MissingEvidence
from millracer.domain.evidence import ItemFact, StageFact
from millracer.domain.result import NextStep
from millracer.domain.work import Outcome


def describe_fact(fact: ItemFact | StageFact) -> str:
    """Say one piece of evidence in a line, with its origin."""
    match fact:
        case ItemFact():
            return f"{fact.work_kind} {fact.item_id} is {fact.state} ({fact.source})"
        case StageFact():
            return (
                f"run {fact.run_id}: {fact.stage} of {fact.item_id} ended {fact.terminal_result} "
                f"({fact.source})"
            )


def summarise(
    *,
    outcome: Outcome,
    reason: str,
    proof: Sequence[ItemFact | StageFact],
    missing: Sequence[MissingEvidence],
    next_steps: Sequence[NextStep],
) -> str:
    """Return the closing answer: outcome, what proves it, what is missing, how to go on."""
    lines = [f"{outcome}: {reason}"]
    lines += [f"  evidence: {describe_fact(fact)}" for fact in proof]
    lines += [
        f"  missing: {entry.needed} (looked in {entry.looked_in}; found {entry.found})"
        for entry in missing
    ]
    lines += [f"  to {step.action}: {step.command}" for step in next_steps]
    return "\n".join(lines)
