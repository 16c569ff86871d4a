"""The recorded start and end of work items: small JSON files, with the objects of their trees."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from millracer.system.files import read_regular, write_atomically

_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEPT_RECORDS = 100


class Point(BaseModel):
    """The recorded files at one point in time; `unknown` says why there is no tree."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    at: AwareDatetime
    tree: str | None = None
    commit: str | None = None
    is_dirty: bool = False
    too_large: tuple[str, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """The folder with one item's record."""

    folder: Path

    @property
    def objects(self) -> Path:
        """The folder of the objects that the repository does not hold."""
        return self.folder / "objects"

    def make(self) -> None:
        """Create the folders, private; repeatable."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.objects.mkdir(mode=0o700, exist_ok=True)

    @property
    def start(self) -> Point | None:
        """The start; None if it was not recorded, or cannot be read."""
        return _read(self.folder / "start.json")

    @property
    def end(self) -> Point | None:
        """The end; None if it was not recorded, or cannot be read."""
        return _read(self.folder / "end.json")

    def write_start(self, point: Point) -> None:
        """Record the start.

        Raises:
            WorkspaceUnusable: the file cannot be written.
        """
        write_atomically(self.folder / "start.json", point.model_dump_json())

    def write_end(self, point: Point) -> None:
        """Record the end.

        Raises:
            WorkspaceUnusable: the file cannot be written.
        """
        write_atomically(self.folder / "end.json", point.model_dump_json())


class Records:
    """The records of one workspace, in a folder of Millracer's; the newest 100 are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, item_id: str) -> ItemRecord | None:
        """Return an item's record; None for a text that cannot be an item's id."""
        named = _ITEM_ID.fullmatch(item_id)
        return None if named is None else ItemRecord(self._folder / item_id)

    def make(self) -> None:
        """Create the folder and remove the oldest records.

        Raises:
            OSError: the folder cannot be created.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folders = sorted(self._folder.iterdir(), key=_changed_at)
        for old in folders[: -_KEPT_RECORDS + 1]:
            shutil.rmtree(old, ignore_errors=True)


def _changed_at(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0


def _read(path: Path) -> Point | None:
    try:
        return Point.model_validate_json(read_regular(path))
    except (OSError, ValidationError):
        return None


def unmeasured(at: datetime, reason: str) -> Point:
    """Return a point without files."""
    return Point(at=at, unknown=reason)
