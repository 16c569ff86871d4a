"""Read the daemon's state from Millrace's state files, without starting a `millrace` process.

A `millrace` call costs a second or more of CPU; these reads cost microseconds, because a file is
parsed again only when its stat has changed. If a file does not match the expected contract, the
result is None, and the caller queries Millrace.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot
from millracer.system.files import read_regular

#: Time of change (ns), size and inode of a file; another value means other content.
Stamp = tuple[int, int, int]

_SECOND_NS = 1_000_000_000
#: Longer than a tick of a file system's clock; the second for clocks of one or two seconds.
_TICK_NS = _SECOND_NS // 10
_COARSE_TICK_NS = 2 * _SECOND_NS + _TICK_NS

ModelT = TypeVar("ModelT", bound=BaseModel)


def stamp(path: str | Path) -> Stamp | None:
    """Return the current stamp of a path, None if it does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116 - the hot path of every poll, without a Path object
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def could_hide_a_change(changed_ns: int, begun_ns: int) -> bool:
    """Return whether a change could leave the stamps of a path as they are.

    Args:
        changed_ns: the newest stamp, by the file system's clock.
        begun_ns: when the stamps were read.
    """
    is_coarse = changed_ns % _SECOND_NS == 0
    return changed_ns >= begun_ns - (_COARSE_TICK_NS if is_coarse else _TICK_NS)


class CachedDocument(Generic[ModelT]):
    """A JSON file as a model, parsed again only when the file changed."""

    def __init__(self, path: Path, parse: Callable[[bytes], ModelT]) -> None:
        self._path = path
        self._parse = parse
        self._stamp: Stamp | None = None
        self._value: ModelT | None = None

    def read(self) -> ModelT | None:
        """Return the document, None if it is missing or does not match its contract."""
        now = stamp(self._path)
        if now is None or now != self._stamp:
            self._value = None if now is None else self._load()
            self._stamp = now
        return self._value

    def _load(self) -> ModelT | None:
        try:
            return self._parse(read_regular(self._path))
        except (OSError, ValidationError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFiles:
    """The state files of one workspace."""

    paths: WorkspacePaths
    lock: CachedDocument[LockFile]
    snapshot: CachedDocument[Snapshot]

    @classmethod
    def of(cls, paths: WorkspacePaths) -> RuntimeFiles:
        """Return the state files of a workspace, without reading them."""
        return cls(
            paths=paths,
            lock=CachedDocument(paths.runtime_lock, LockFile.model_validate_json),
            snapshot=CachedDocument(paths.snapshot, Snapshot.model_validate_json),
        )

    def is_stale(self) -> bool | None:
        """Whether `clear-stale-state` is needed, given that no daemon runs; None if unknown.

        It is needed if a lock or a stop request is left, or a run or an item is still active.
        """
        if stamp(self.paths.runtime_lock) is not None or self._holds_active_items():
            return True
        if stamp(self.paths.agents) is None:
            return False
        snapshot = self.snapshot.read()
        if snapshot is None:
            return None
        return snapshot.stop_requested or bool(snapshot.active_runs_by_plane)

    def _holds_active_items(self) -> bool:
        return any(True for _ in self.paths.agents.glob("*/active/*.md"))
