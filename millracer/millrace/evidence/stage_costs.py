"""Read what a stage cost from the event stream of its pi, which has pi's own price of each message.

Of a stage that succeeded, Millrace keeps the stream only with `event_log_policy = "full"`.
"""

from __future__ import annotations

from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel

from millracer.millrace.wire.json_documents import Theirs

_MARK = b'"message_end"'


class _Price(Theirs):
    total: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


class _Usage(Theirs, alias_generator=to_camel, populate_by_name=True):
    total_tokens: int = 0
    cost: _Price = _Price()


class _Message(Theirs):
    usage: _Usage | None = None


class _Line(Theirs):
    type: str
    message: _Message | None = None


class StageCost(Theirs):
    """The cost of a stage in dollars; None if pi had no price for a message that used tokens."""

    usd: float | None


def read_cost(events: bytes) -> StageCost:
    """Return the cost of all messages; lines that are not an event of pi are skipped."""
    cost, is_priced = 0.0, False
    for line in events.split(b"\n"):
        if _MARK not in line:
            continue
        try:
            event = _Line.model_validate_json(line)
        except ValidationError:
            continue
        usage = None if event.message is None else event.message.usage
        if event.type != "message_end" or usage is None or not usage.total_tokens:
            continue
        if not usage.cost.total:
            return StageCost(usd=None)
        cost, is_priced = cost + usage.cost.total, True
    return StageCost(usd=cost if is_priced else None)
