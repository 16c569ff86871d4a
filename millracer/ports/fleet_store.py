"""The ports of the fleet's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from millracer.domain.fleet.hosts import (
        AnnouncedWorkspace,
        Beat,
        FleetHost,
        FleetWorkspace,
        HostSession,
        Lease,
        OpenVerdict,
        RegisterVerdict,
        Taken,
    )
    from millracer.domain.fleet.items import (
        CancelVerdict,
        FleetItemDetail,
        FleetItems,
        FleetSchedule,
        FleetSubmission,
        ItemFilter,
        Submitted,
    )


class FleetStore(Protocol):
    """The fleet as a client uses it.

    Each call is one transaction: it has happened whole or not at all. Every method raises
    `FleetUnreachable` where the database cannot be reached; the same call is safe to repeat.
    """

    def submit(self, submission: FleetSubmission) -> Submitted:
        """Store and dispatch an item, once for each key."""
        ...

    def find_item(self, item_id: str) -> FleetItemDetail | None:
        """Return one item, or None."""
        ...

    def find_ids(self, beginning: str) -> Sequence[str]:
        """Return the ids that begin with a text; of more than two, only two."""
        ...

    def list_items(self, wanted: ItemFilter) -> FleetItems:
        """Return the first items of a filter in its order, and how many match it."""
        ...

    def cancel(self, item_id: str, reason: str) -> CancelVerdict:
        """Cancel an item that has not started; request it of the host otherwise."""
        ...

    def retry(self, item_id: str) -> bool:
        """Dispatch an item that was set aside again; return whether it was set aside."""
        ...

    def list_hosts(self) -> Sequence[FleetHost]:
        """Return every host, by name."""
        ...

    def drain(self, host: str, *, draining: bool, note: str = "") -> bool:
        """Let a host start nothing new, or end that; return whether the host is known."""
        ...

    def list_workspaces(self) -> Sequence[FleetWorkspace]:
        """Return every workspace, by id."""
        ...

    def pause(
        self, workspace_id: str, *, paused: bool, note: str = "", until: datetime | None = None
    ) -> bool:
        """Let no item start in a workspace, or end that; return whether it is known."""
        ...

    def forget_workspace(self, workspace_id: str) -> bool:
        """Remove a workspace without open items; return whether it was removed."""
        ...

    def release_workspace(self, workspace_id: str) -> bool:
        """Give up the checkout of a workspace, which is lost; return whether that was possible.

        The next checkout that registers the id takes its place with all open items. It is not
        possible while the host of the workspace has a session.
        """
        ...

    def list_schedules(self) -> Sequence[FleetSchedule]:
        """Return every schedule, by name."""
        ...

    def put_schedule(self, schedule: FleetSchedule) -> bool:
        """Add a schedule or replace the one of the same name; return whether it was new."""
        ...

    def remove_schedule(self, name: str) -> bool:
        """Remove a schedule; return whether there was one."""
        ...

    def prune(self, older_than: timedelta) -> int:
        """Delete items that ended before that time, with their dispatches; return how many."""
        ...


class FleetHostStore(Protocol):
    """The fleet as the worker of one host uses it, under the host's own database role."""

    def open(self, session: HostSession) -> OpenVerdict:
        """Make this session the holder of the host's name."""
        ...

    def register(self, session: str, workspace: AnnouncedWorkspace) -> RegisterVerdict:
        """Announce a workspace of this host."""
        ...

    def take(self, session: str, item_id: str, identity: str) -> Taken:
        """Begin the next lease of the item's workspace for this item."""
        ...

    def deliver(self, lease: Lease, result: Mapping[str, Any]) -> bool:
        """End an item with its result; a result under a former lease is kept as refused.

        Returns:
            Whether the result was accepted.
        """
        ...

    def report_progress(self, lease: Lease, stage: str, message: str, sequence: int) -> None:
        """Replace the item's progress row, if the lease is the workspace's."""
        ...

    def beat(self, host: str, session: str) -> Beat | None:
        """Record a heartbeat; None if another session holds the host's name."""
        ...

    def end_session(self, host: str, session: str) -> None:
        """Give up the host's name; nothing happens if another session holds it."""
        ...

    def reconcile(self, host: str, session: str, running: Sequence[str]) -> Sequence[str]:
        """Dispatch open items again whose dispatch has ended; return their ids.

        The items of `running`, which this worker runs now, are left alone.
        """
        ...

    def bind(self, host: str, session: str) -> Sequence[str]:
        """Bind waiting items with a label to free workspaces of this host; return their ids."""
        ...
