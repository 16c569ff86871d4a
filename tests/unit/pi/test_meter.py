"""The meter adds up the usage of every message, also of failed attempts."""

import json

from millracer.domain.work.stages import TokenUsage
from millracer.pi.frames import AssistantMessage, MessageEnd, parse_frame
from millracer.pi.meter import UsageMeter

USAGE = {
    "input": 10,
    "output": 2,
    "cacheRead": 5,
    "cacheWrite": 1,
    "totalTokens": 18,
    "cost": {"total": 0.25},
}


def message(usage: object = None, **changes: object) -> AssistantMessage:
    document = {"role": "assistant", "content": [], "stopReason": "stop", "usage": usage, **changes}
    frame = parse_frame(json.dumps({"type": "message_end", "message": document}).encode())
    assert isinstance(frame, MessageEnd)
    assert isinstance(frame.message, AssistantMessage)
    return frame.message


def test_all_messages_of_a_turn_are_added() -> None:
    meter = UsageMeter("high")

    meter.add_turn([message(USAGE, stopReason="error"), message(USAGE)], 2.0)
    meter.add_turn([message(USAGE, provider="openai", model="gpt")], 1.0)

    used = meter.used
    assert (used.turns, used.seconds, used.unreported_turns) == (2, 3.0, 0)
    assert used.tokens == TokenUsage(input=30, cached=15, output=6, total=54)
    assert (used.cost_usd, used.unpriced_tokens) == (0.75, 0)
    assert (used.model, used.thinking) == ("openai/gpt", "high")


def test_tokens_without_a_price_are_counted_apart() -> None:
    meter = UsageMeter(None)

    meter.add_turn([message({**USAGE, "cost": {"total": 0}}), message({**USAGE, "cost": None})], 1)

    assert (meter.used.cost_usd, meter.used.unpriced_tokens) == (0.0, 36)


def test_a_turn_without_a_readable_usage_is_unreported_and_stays_an_answer() -> None:
    meter = UsageMeter(None)

    meter.add_turn([message({"input": "many"}), message("nothing"), message(None)], 1.0)
    meter.add_turn([], 1.0)

    assert (meter.used.turns, meter.used.unreported_turns) == (2, 2)
    assert meter.used.tokens == TokenUsage()
