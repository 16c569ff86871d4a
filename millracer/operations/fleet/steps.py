"""The commands that continue from an item of the fleet."""

from __future__ import annotations

from millracer.domain.fleet.items import FleetItem, FleetItemState
from millracer.domain.run.result import NextStep


def next_steps(item: FleetItem) -> tuple[NextStep, ...]:
    """Return the commands that a person may run next."""
    if item.state is FleetItemState.ENDED:
        if item.completed:
            return (NextStep("read its proof", _command("show", item, "--json")),)
        return (NextStep("read why it is not completed", _command("show", item)),)
    steps = (
        NextStep("wait for its end", _command("wait", item)),
        NextStep("cancel it", _command("cancel", item)),
    )
    if item.state is FleetItemState.SET_ASIDE:
        return (NextStep("dispatch it again", _command("retry", item)), *steps)
    return steps


def _command(name: str, item: FleetItem, *words: str) -> str:
    return " ".join(("millracer", "fleet", name, item.item_id, *words))
