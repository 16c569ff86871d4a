"""Watch an item without a lease: no daemon is started or stopped, and none waits for the watch."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemStatus
from millracer.ports import Observer, WatchLease


class ObservingLease(WatchLease):
    """Change hints of an observer.

    It claims that a daemon runs, so that the watch waits for one instead of starting it.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def next_hints(self, item: ItemStatus, wait: Wait) -> ChangeHints:  # noqa: ARG002 - the port's
        """See the port; every change is a reason to ask about the item."""
        self._observer.next_change(wait)
        return ChangeHints(daemon_alive=True, state_changed=True, poll_due=True)

    def leave(self, wait: Wait, *, keep_daemon: bool) -> bool:  # noqa: ARG002 - the port's
        """Do nothing: there is no lease."""
        return False
