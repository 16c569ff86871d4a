"""What a caller expects a run to prove, and whether its proof carries it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from millracer.domain.evidence import Fact, StageFact, event_of, run_of, subject_of


def unmet(expected: Sequence[str], proof: Iterable[Fact]) -> tuple[str, ...]:
    """Return what no fact of the proof is named by, in order.

    A fact is named by its work item, its run, its source, the event it stands for
    (`scoped_complete`, `arbiter_complete`), and a stage's result also by the stage and its terminal
    result (`updater`, `UPDATE_COMPLETE`). Free text names nothing and so is never met.
    """
    names = {name for fact in proof for name in _names(fact)}
    return tuple(name for name in expected if name not in names)


def _names(fact: Fact) -> tuple[str | None, ...]:
    stage = (fact.stage, fact.terminal_result) if isinstance(fact, StageFact) else ()
    return (event_of(fact), subject_of(fact), run_of(fact), fact.source, *stage)
