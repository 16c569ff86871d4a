"""The fleet's files in a checkout: `.millracer/fleet/` with identity, lock and lease.

The identity says which checkout of a workspace this is. Its file names the path and the inode of
its folder: a moved checkout keeps the inode, and a replaced file system keeps the path. Where
neither is the same the folder is a copy, which gets an identity of its own.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millracer.cancellation import Wait
from millracer.domain.fleet.hosts import Lease
from millracer.errors import WorkspaceUnusable
from millracer.system.files import locked, read_regular, unwritable, write_atomically

_IDENTITY = "identity"
_LOCK = "lock"
_LEASE = "lease.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFolder:
    """Implements `ports.fleet_checkout.Checkout`.

    Attributes:
        workspace_id: the workspace's id in the fleet.
        root: the absolute path of the checkout.
        folder: `.millracer/fleet` in it; created at first use.
    """

    workspace_id: str
    root: str
    folder: Path

    def identity(self) -> str:
        """Return the UUID of this checkout; the first call creates it.

        Raises:
            WorkspaceUnusable: the folder cannot be written.
        """
        self._make()
        with locked(self.folder / f"{_IDENTITY}.lock", Wait.for_seconds(_IDENTITY_SECONDS)):
            place = self._place()
            known = self._read()
            if known is not None and _is_same(known, place):
                if known["place"] != place:
                    self._write(known["identity"], place)
                return str(known["identity"])
            identity = str(uuid.uuid4())
            self._write(identity, place)
            return identity

    @contextmanager
    def hold(self, wait: Wait) -> Iterator[None]:
        """Hold the workspace against every other worker on this machine, within the block.

        Raises:
            WorkspaceUnusable: the folder cannot be written.
            ToolTimeout: another worker held it until the deadline.
            Cancelled: the caller cancelled.
        """
        self._make()
        with locked(self.folder / _LOCK, wait):
            yield

    def write_lease(self, lease: Lease) -> None:
        """Record the lease for people and other tools; never raises."""
        document = {
            "item": lease.item_id,
            "workspace": lease.workspace_id,
            "host": lease.host,
            "session": lease.session,
            "epoch": lease.epoch,
            "attempt": lease.attempt,
            "dispatch": lease.dispatch,
            "claimed_at": lease.claimed_at.isoformat(),
            "pid": os.getpid(),
        }
        with suppress(WorkspaceUnusable):
            write_atomically(self.folder / _LEASE, json.dumps(document, indent=2) + "\n")

    def clear_lease(self) -> None:
        """Remove that record; never raises."""
        with suppress(OSError):
            (self.folder / _LEASE).unlink(missing_ok=True)

    def _make(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _place(self) -> dict[str, Any]:
        try:
            return {"path": str(self.folder.resolve()), "inode": self.folder.stat().st_ino}
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _read(self) -> dict[str, Any] | None:
        """Return the stored identity with its place; None if there is none that can be used."""
        try:
            found = json.loads(read_regular(self.folder / _IDENTITY))
            uuid.UUID(found["identity"])
            return found if isinstance(found["place"], dict) else None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _write(self, identity: str, place: dict[str, Any]) -> None:
        document = {"identity": identity, "place": place}
        write_atomically(self.folder / _IDENTITY, json.dumps(document) + "\n")


_IDENTITY_SECONDS = 10.0


def _is_same(known: dict[str, Any], place: dict[str, Any]) -> bool:
    was = known["place"]
    return any(was.get(name) == place[name] for name in ("path", "inode"))
