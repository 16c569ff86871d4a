"""Entries of the board that are kept until their workspace changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from millracer.ports import StatusStamps
from millracer.schemas.serve.board import BoardWorkspace
from millracer.serve.workspaces import ServedWorkspace

#: An entry is read again after this time, for what the stamps of a status do not show.
_KEPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: object
    read_at: float
    entry: BoardWorkspace


class KeptEntries:
    """The last entry of each workspace. Thread-safe.

    Args:
        monotonic: a monotonic clock in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stamps: dict[str, StatusStamps] = {}
        self._kept: dict[ServedWorkspace, _Kept] = {}

    def read(
        self,
        workspace: ServedWorkspace,
        open_stamps: Callable[[], StatusStamps],
        read_entry: Callable[[], BoardWorkspace],
    ) -> BoardWorkspace:
        """Return the kept entry while nothing changed, else read and keep it.

        An entry with an error is not kept.

        Args:
            workspace: the workspace.
            open_stamps: returns its stamps; called once.
            read_entry: reads the entry.

        Raises:
            Exception: what the calls raise.
        """
        stamps = self._stamps_of(workspace, open_stamps)
        stamp, began = stamps.read(), self._monotonic()
        with self._lock:
            kept = self._kept.get(workspace)
        if (
            kept is not None
            and stamp is not None
            and kept.stamp == stamp
            and began - kept.read_at < _KEPT_SECONDS
        ):
            return kept.entry
        entry = read_entry()
        if stamp is not None and entry.error is None:
            with self._lock:
                self._kept[workspace] = _Kept(stamp, began, entry)
        return entry

    def _stamps_of(
        self, workspace: ServedWorkspace, open_stamps: Callable[[], StatusStamps]
    ) -> StatusStamps:
        with self._lock:
            known = self._stamps.get(workspace.path)
        if known is None:
            known = open_stamps()
            with self._lock:
                self._stamps[workspace.path] = known
        return known
