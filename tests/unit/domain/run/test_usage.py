"""Totals count what is known, and name what is not."""

from datetime import UTC, datetime

from millracer.domain.run.usage import NO_TURNS, AgentUsage, cost_of_turns, total_of
from millracer.domain.work.stages import StageReport, TokenUsage

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKENS = TokenUsage(input=10, cached=5, output=2, thinking=1, total=18)


def stage(**changes: object) -> StageReport:
    plain: dict[str, object] = {
        "item_id": "widget",
        "run_id": "run-1",
        "request_id": "request-1",
        "stage": "builder",
        "run_folder": "runs/run-1",
        "started_at": NOW,
        "result": "BUILDER_COMPLETE",
        "seconds": 3.0,
        "tokens": TOKENS,
    }
    return StageReport(**{**plain, **changes})


def test_a_total_is_the_sum_of_stages_and_turns() -> None:
    agent = AgentUsage(turns=1, seconds=2.0, tokens=TOKENS, cost_usd=0.5)

    total = total_of([stage(), stage()], agent)

    assert total.tokens == TokenUsage(input=30, cached=15, output=6, thinking=3, total=54)
    assert (total.seconds, total.unknown) == (8.0, ())


def test_a_stage_that_was_cut_off_is_named_as_unknown() -> None:
    total = total_of([stage(), stage(result=None, tokens=None, seconds=None)], NO_TURNS)

    assert total.tokens == TOKENS
    assert len(total.unknown) == 1
    assert "builder of widget" in total.unknown[0]


def test_a_stage_or_turn_without_a_token_report_is_named_as_unknown() -> None:
    total = total_of([stage(tokens=None)], AgentUsage(turns=2, unreported_turns=2))

    assert len(total.unknown) == 2


def test_a_cost_is_known_only_if_every_part_has_a_price() -> None:
    priced = AgentUsage(turns=1, tokens=TOKENS, cost_usd=0.5)
    unpriced = AgentUsage(turns=2, tokens=TOKENS, cost_usd=0.5, unpriced_tokens=3, model="a/b")

    assert cost_of_turns(priced).usd == 0.5
    assert cost_of_turns(unpriced).usd is None
    assert "a/b" in (cost_of_turns(unpriced).unknown or "")
    assert cost_of_turns(AgentUsage(turns=1, unreported_turns=1)).usd is None
    assert total_of([], priced).cost.usd == 0.5
    of_both = total_of([stage(cost_usd=0.25, cost_unknown=None)], priced).cost
    assert (of_both.usd, of_both.unknown) == (0.75, None)
    stages = [stage(), stage(stage="checker"), stage(cost_unknown="no price")]
    assert total_of(stages, priced).cost.unknown == (
        "builder, checker: the cost was not recorded; builder: no price"
    )


def test_usage_since_a_reading_leaves_out_what_came_before() -> None:
    before = AgentUsage(turns=1, seconds=1.0, tokens=TOKENS, cost_usd=0.25, unpriced_tokens=4)
    after = AgentUsage(
        turns=3, seconds=4.0, tokens=TOKENS + TOKENS, cost_usd=0.75, unpriced_tokens=4
    )

    since = after.since(before)

    assert (since.turns, since.seconds, since.tokens, since.cost_usd) == (2, 3.0, TOKENS, 0.5)
    assert since.unpriced_tokens == 0
