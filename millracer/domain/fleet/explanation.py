"""Why an item of the fleet has not started, in one line for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from millracer.domain.fleet.items import FleetItem, FleetItemState, WaitReason


def explain(item: FleetItem) -> str:
    """Return why an item does not continue; empty for one that runs unhindered or has ended."""
    match item.state:
        case FleetItemState.QUEUED:
            return _NEXT if item.reason is None else _REASONS[item.reason](item)
        case FleetItemState.SET_ASIDE:
            times = "once" if item.attempts == 1 else f"{item.attempts} times"
            retry = f"`millracer fleet retry {item.item_id}`"
            return f"its host ended while the item ran, {times}; {retry}"
        case FleetItemState.RELEASED:
            return "the engine ended its dispatch; its host dispatches it again"
        case FleetItemState.RUNNING:
            return _explain_running(item)
        case FleetItemState.ENDED:
            return ""


def _explain_running(item: FleetItem) -> str:
    """Return why a running item may not continue; empty if nothing hinders it."""
    words = [] if item.cancel_requested_at is None else ["cancellation requested"]
    if item.host_away:
        words.append(f"host away since {_moment(item.host_seen_at)}; {_HOSTS}")
    return ", ".join(words)


def _note(item: FleetItem) -> str:
    text = " ".join(item.reason_subject.split())
    return f" ({text})" if text else ""


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


_HOSTS: Final = "`millracer fleet hosts`"
_NEXT: Final = "next: it starts at the host's next poll"

_REASONS: Final[Mapping[WaitReason, Callable[[FleetItem], str]]] = {
    WaitReason.NO_FREE_WORKSPACE: lambda item: (
        f"no free workspace has the label {item.label or item.reason_subject}"
    ),
    WaitReason.NOT_BEFORE: lambda item: f"not before {_moment(item.not_before)}",
    WaitReason.WORKSPACE_PAUSED: lambda item: (
        f"workspace paused{_note(item)}; `millracer fleet resume {item.workspace_id}`"
    ),
    WaitReason.WORKSPACE_BUSY: lambda item: (
        f"workspace busy: {item.reason_subject}" if item.reason_subject else "workspace busy"
    ),
    WaitReason.HOST_NEVER_SEEN: lambda item: (
        f"no worker of host {item.host} has started yet; {_HOSTS}"
    ),
    WaitReason.HOST_AWAY: lambda item: f"host away since {_moment(item.host_seen_at)}; {_HOSTS}",
    WaitReason.HOST_DRAINS: lambda item: (
        f"host drains{_note(item)}; `millracer fleet drain {item.host} --undo`"
    ),
    WaitReason.HOST_FULL: lambda _: "host full: all its slots are in use",
    WaitReason.HOST_LIMITED: lambda _: "host limited: its rate limit is reached",
    WaitReason.NEXT: lambda _: _NEXT,
}
