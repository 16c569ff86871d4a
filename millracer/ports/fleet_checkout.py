"""The fleet's files in the checkout of one workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from millracer.cancellation import Wait
    from millracer.domain.fleet.hosts import Lease


class Checkout(Protocol):
    """The checkout of one workspace on this host."""

    @property
    def workspace_id(self) -> str:
        """The workspace's id in the fleet."""
        ...

    @property
    def root(self) -> str:
        """The absolute path of the checkout."""
        ...

    def identity(self) -> str:
        """Return the UUID of this checkout; the first call creates it.

        A copy of the checkout has another one.

        Raises:
            WorkspaceUnusable: the checkout is missing or not writable.
        """
        ...

    def secret(self) -> str:
        """Return the secret of this checkout, which a copy of it does not have.

        Raises:
            WorkspaceUnusable: the checkout is missing or not writable.
        """
        ...

    def hold(self, wait: Wait) -> AbstractContextManager[None]:
        """Hold the workspace against every other worker on this machine, within the block.

        Raises:
            WorkspaceUnusable: the checkout is missing or not writable.
            ToolTimeout: another worker held it until the deadline.
            Cancelled: the caller cancelled.
        """
        ...

    def write_lease(self, lease: Lease) -> None:
        """Record the lease for people and other tools; never raises."""
        ...

    def clear_lease(self) -> None:
        """Remove that record; never raises."""
        ...
