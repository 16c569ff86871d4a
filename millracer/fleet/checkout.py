"""The fleet's files in a checkout: `.millracer/fleet/` with identity, lock and lease.

The identity says which checkout of a workspace this is. Its file names the path and the inode of
its folder: a moved checkout keeps the inode, and a replaced file system keeps the path. Where
neither is the same the folder is a copy, which gets an identity of its own. The secret beside the
identity proves to the fleet that a checkout moved to another host: the identity itself is public.
"""

from __future__ import annotations

import json
import os
import secrets
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
        return str(self._marks()["identity"])

    def secret(self) -> str:
        """Return the secret of this checkout, which a copy of it does not have.

        Raises:
            WorkspaceUnusable: the folder cannot be written.
        """
        return str(self._marks()["secret"])

    def _marks(self) -> dict[str, Any]:
        """Return the identity, the secret and the place; the first call creates them."""
        self._make()
        with locked(self.folder / f"{_IDENTITY}.lock", Wait.for_seconds(_IDENTITY_SECONDS)):
            place = self._place()
            known = self._read()
            if known is not None and _is_same(known, place):
                if known["place"] != place:
                    self._write({**known, "place": place})
                return known
            made = {
                "identity": str(uuid.uuid4()),
                "secret": secrets.token_hex(32),
                "place": place,
            }
            self._write(made)
            return made

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
            is_whole = isinstance(found["place"], dict) and isinstance(found["secret"], str)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return found if is_whole else None

    def _write(self, marks: dict[str, Any]) -> None:
        write_atomically(self.folder / _IDENTITY, json.dumps(marks) + "\n")


_IDENTITY_SECONDS = 10.0


def _is_same(known: dict[str, Any], place: dict[str, Any]) -> bool:
    was = known["place"]
    return any(was.get(name) == place[name] for name in ("path", "inode"))
