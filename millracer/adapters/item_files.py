"""Where a work item's file lies in Millrace's folders: the cheapest sign of its state.

A hint, not an answer: Millrace is asked before anything is concluded from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from millracer.adapters.millrace_folders import (
    IDEA_PREFIX,
    archive_folders,
    idea_inboxes,
    invalid_ideas,
    queue_folders,
    work_folders,
)
from millracer.adapters.millrace_text import names_item
from millracer.adapters.runtime_files import Stamp, stamp
from millracer.adapters.workspace import WorkspacePaths
from millracer.domain.work import IntakeKind, ItemState, Standing


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """A path, and what it means for an item to lie there."""

    path: str
    state: ItemState


class ItemFiles:
    """Finds one item's file by any of the ids it may go by, with a few dozen stats a look."""

    def __init__(self, paths: WorkspacePaths, ids: tuple[str, ...]) -> None:
        self.ids = ids
        self._documents = tuple(_documents(paths, ids))
        self._archives = tuple(_archives(paths))
        self._aside = tuple(_aside(paths, ids))
        self._listed: dict[str, tuple[Stamp, ItemPlace | None]] = {}

    def find(self) -> ItemPlace | None:
        """Return where the item lies now.

        A work document goes before the inbox, where up to 0.20 an idea's file stays for ever.
        """
        return _first(self._documents) or self._find_archived() or _first(self._aside)

    def _find_archived(self) -> ItemPlace | None:
        """Look through the archives, whose files carry a time and a hash behind the id."""
        for archive in self._archives:
            now = stamp(archive.path)
            if now is None:
                continue
            listed = self._listed.get(archive.path)
            if listed is None or listed[0] != now:
                listed = (now, self._list(archive))
                self._listed[archive.path] = listed
            if listed[1] is not None:
                return listed[1]
        return None

    def _list(self, archive: ItemPlace) -> ItemPlace | None:
        try:
            names = sorted(os.listdir(archive.path))  # noqa: PTH208 - names only, no Path each
        except OSError:
            return None  # it went with the workspace
        for name in names:
            path = str(Path(archive.path, name))
            if any(names_item(path, item_id) for item_id in self.ids):
                return ItemPlace(path, archive.state)
        return None


def item_folders(paths: WorkspacePaths) -> list[str]:
    """Return every folder in which the file of an item may lie."""
    folders = [folder.path for folder in (*work_folders(paths), *archive_folders(paths))]
    return [str(path) for path in (*folders, invalid_ideas(paths), *idea_inboxes(paths))]


def item_ids(item: Standing) -> tuple[str, ...]:
    """Return every id the item's files may carry, Millrace's present one first."""
    ids = [item.millrace_id or item.item_id, item.item_id]
    if item.kind in {IntakeKind.IDEA, None} and not item.item_id.startswith(IDEA_PREFIX):
        ids.append(IDEA_PREFIX + item.item_id)
    return tuple(dict.fromkeys(ids))


def _documents(paths: WorkspacePaths, ids: Iterable[str]) -> Iterable[ItemPlace]:
    for name in ids:
        for folder in work_folders(paths):
            yield ItemPlace(str(folder.path / f"{name}.md"), folder.state)


def _archives(paths: WorkspacePaths) -> Iterable[ItemPlace]:
    for folder in archive_folders(paths):
        yield ItemPlace(str(folder.path), folder.state)


def _aside(paths: WorkspacePaths, ids: Iterable[str]) -> Iterable[ItemPlace]:
    for name in ids:
        file = f"{name}.md"
        for folder in queue_folders(paths):
            yield ItemPlace(str(folder.path / f"{file}.invalid"), ItemState.INVALID)
        yield ItemPlace(str(invalid_ideas(paths) / file), ItemState.INVALID)
        for inbox in idea_inboxes(paths):
            yield ItemPlace(str(inbox / file), ItemState.INBOX)


def _first(places: Iterable[ItemPlace]) -> ItemPlace | None:
    for place in places:
        if os.path.exists(place.path):  # noqa: PTH110 - several dozen a poll, no Path each
            return place
    return None
