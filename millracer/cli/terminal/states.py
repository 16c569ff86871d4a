"""Colours of work item states."""

from __future__ import annotations

from millracer.cli.terminal.style import Role, Stream, Symbol, paint, symbol
from millracer.domain.event_log import Event, EventType
from millracer.domain.work.items import ItemState

_ROLES = {
    ItemState.ACTIVE: Role.COMMAND,
    ItemState.DONE: Role.GOOD,
    ItemState.BLOCKED: Role.WARNING,
    ItemState.CANCELLED: Role.WARNING,
    ItemState.INVALID: Role.BAD,
    ItemState.REFUSED: Role.BAD,
}


def painted_state(state: ItemState, width: int = 0) -> str:
    """Return a state with its colour, padded to a width."""
    shown = f"{state:<{width}}"
    role = _ROLES.get(state)
    return shown if role is None else paint(shown, role)


def check_symbol(event: Event) -> str:
    """Return the symbol, with a space, before the end of a check on standard error; else empty."""
    if event.type != EventType.CHECK_ENDED:
        return ""
    which = Symbol.DONE if event.payload.get("passed") is True else Symbol.FAILED
    return f"{symbol(which, Stream.ERR)} "
