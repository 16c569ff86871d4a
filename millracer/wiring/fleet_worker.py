"""Build what the worker of a host uses on its machine, and the engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.errors import UsageError
from millracer.ports.fleet_checkout import Checkout
from millracer.ports.fleet_engine import FleetEngine, RateLimit

if TYPE_CHECKING:
    from millracer.domain.fleet.setup import FleetPlace
    from millracer.fleet.host_lock import HostLock


def lock_host(host: str) -> HostLock:
    """Take the lock of a host on this machine; the caller releases it.

    Raises:
        UsageError: a worker of this host runs here, or the user has no home directory.
        WorkspaceUnusable: the state folder cannot be written.
    """
    from millracer.fleet.host_lock import HostLock  # noqa: PLC0415 - only a worker needs it
    from millracer.system.user_folders import state_folder  # noqa: PLC0415 - as above

    folder = state_folder(os.environ)
    if folder is None:
        raise UsageError(
            "the user has no home directory for the lock of the host",
            suggested_action="set MILLRACER_STATE_DIR to a folder",
        )
    return HostLock.take(host, folder)


def open_checkout(workspace_id: str, root: Path) -> Checkout:
    """Return the fleet's files in a checkout, whose folder for them is created.

    Raises:
        WorkspaceUnusable: the checkout is missing or not writable.
    """
    from millracer.fleet.checkout import CheckoutFolder  # noqa: PLC0415 - only a worker needs it
    from millracer.millrace.files.workspace import WorkspacePaths  # noqa: PLC0415 - as above

    paths = WorkspacePaths(root)
    paths.make_own()
    return CheckoutFolder(workspace_id=workspace_id, root=str(root), folder=paths.fleet)


def open_engine(
    place: FleetPlace, host: str, *, poll_seconds: float, limit: RateLimit | None
) -> FleetEngine:
    """Return the engine of a host, not launched yet."""
    from millracer.fleet.engine import DbosEngine  # noqa: PLC0415 - it is slow to import
    from millracer.fleet.urls import tuned_url  # noqa: PLC0415 - as above

    return DbosEngine(tuned_url(place), host, poll_seconds=poll_seconds, limit=limit)
