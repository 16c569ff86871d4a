"""A budget counts ended stages, and the tokens of stages and turns."""

import pytest

from millracer.domain.requests import Limits
from millracer.domain.run.budget import explain_exhausted, has_budget
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from tests.unit.domain.run.test_usage import TOKENS, stage

CUT_OFF = stage(result=None, tokens=None, seconds=None)


def test_without_limits_there_is_no_budget() -> None:
    assert not has_budget(Limits())
    assert explain_exhausted(Limits(), [stage()] * 99, NO_TURNS) is None


@pytest.mark.parametrize(
    ("limits", "option"),
    [(Limits(max_stages=2), "--max-stages"), (Limits(max_tokens=36), "--max-tokens")],
)
def test_a_budget_is_used_up_when_it_is_reached(limits: Limits, option: str) -> None:
    assert has_budget(limits)
    assert explain_exhausted(limits, [stage(), CUT_OFF], NO_TURNS) is None
    assert option in (explain_exhausted(limits, [stage(), stage()], NO_TURNS) or "")


def test_the_tokens_of_turns_count() -> None:
    limits = Limits(max_tokens=36)

    assert explain_exhausted(limits, [stage()], AgentUsage(turns=1, tokens=TOKENS)) is not None
