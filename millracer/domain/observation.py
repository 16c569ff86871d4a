"""What signs of a running Millrace mean for our item.

`Signs` are cheap and only wake us; what ends a watch is always asked of Millrace first.
"""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.work import ItemState, RuntimeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the disk and the process table show since the last look; a reason to ask, not proof.

    Attributes:
        daemon_alive: a daemon holds or is taking the lock and its process lives.
        daemon_ours: that daemon is ours to stop.
        item_hint: where the item's folders show it, None when they show it nowhere.
        item_moved: that place is another than at the last look.
        events: lines the event log gained, in order.
        state_changed: the runtime's state files changed (snapshot, lock, mailbox).
        safety_due: the safety interval is over: ask although nothing moved.
    """

    daemon_alive: bool
    daemon_ours: bool = False
    item_hint: ItemState | None = None
    item_moved: bool = False
    events: tuple[RuntimeEvent, ...] = ()
    state_changed: bool = False
    safety_due: bool = False
