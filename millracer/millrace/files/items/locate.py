"""Locate an item in Millrace's folders by directory entries, without starting a program.

The folders are those of `files.folders`, searched in the direction in which items move, so that a
moving item is not missed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ProtocolError
from millracer.millrace.files.folders import (
    IDEA_PREFIX,
    archive_folders,
    archive_state,
    documents_of,
    idea_inboxes,
    invalid_ideas,
    queue_folders,
    work_folders,
)
from millracer.millrace.files.state import Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import Intervention, InvalidArtifact, Theirs, parse
from millracer.millrace.wire.text_output import archived_at, names_item
from millracer.system.files import read_regular_text

_Record = TypeVar("_Record", bound=Theirs)
_ARCHIVE_BLOCKED = "archive_blocked_task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An item's file, and the state and reason that its folder gives."""

    work_kind: str
    state: ItemState
    path: Path
    detail: str = ""


def find_place(paths: WorkspacePaths, item_id: str) -> Place | None:
    """Return the item's place; a live or ended item ranks before an archived or invalid one.

    Searches the work folders twice if the first search fails, because an item may be sent back
    during the search.
    """
    return (
        next(_find_documents(paths, item_id), None)
        or next(_find_documents(paths, item_id), None)
        or _find_archived_place(paths, item_id)
        or _find_invalid(paths, item_id)
    )


def archived_place(path: Path, work_kind: str) -> Place:
    """Return an archived file's place with the reason its folder recorded."""
    record = _find_intervention(path)
    state = archive_state(path)
    if record is not None and record.action == _ARCHIVE_BLOCKED:
        state = ItemState.ARCHIVED
    detail = "" if record is None else f"{record.action} by {record.actor}: {record.reason}"
    if record is not None and record.replacement_work_item_id is not None:
        detail += f" (replaced by {record.replacement_work_item_id})"
    return Place(work_kind=work_kind, state=state, path=path, detail=detail)


def _find_documents(paths: WorkspacePaths, item_id: str) -> Iterator[Place]:
    for folder, path in documents_of(paths, item_id):
        yield Place(work_kind=folder.work_kind, state=folder.state, path=path)


def _find_archived_place(paths: WorkspacePaths, item_id: str) -> Place | None:
    found = [
        (archived_at(path.name), path.name, folder.work_kind, path)
        for folder in archive_folders(paths)
        for path in _list_files(folder.path, item_id)
        if names_item(str(path), item_id)
    ]
    if not found:
        return None
    _, _, work_kind, path = max(found)
    return archived_place(path, work_kind)


def _find_invalid(paths: WorkspacePaths, item_id: str) -> Place | None:
    set_aside = re.compile(re.escape(f"{item_id}.md.invalid") + r"(\.\d+)?")
    for folder in queue_folders(paths):
        for path in _list_files(folder.path, item_id):
            if set_aside.fullmatch(path.name):
                return Place(
                    work_kind=folder.work_kind,
                    state=ItemState.INVALID,
                    path=path,
                    detail=_find_invalid_reason(folder.path, f"{item_id}.md"),
                )
    return None


def _list_files(folder: Path, item_id: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(f"{item_id}."))
    except OSError:
        return []


def _find_intervention(path: Path) -> Intervention | None:
    records = _read_records(path.parent / "interventions.jsonl", Intervention)
    return next((each for each in records if Path(each.destination_path).name == path.name), None)


def _find_invalid_reason(folder: Path, source_name: str) -> str:
    reasons = [
        record.error_message or record.error or ""
        for record in _read_records(folder / "invalid-artifacts.jsonl", InvalidArtifact)
        if record.source_name == source_name
    ]
    return reasons[-1] if reasons else ""


def _read_records(path: Path, model: type[_Record]) -> Iterator[_Record]:
    """Yield a log's readable records; others are skipped, as the log only explains a place."""
    try:
        lines = read_regular_text(path).split("\n")
    except OSError:
        return
    for line in lines:
        with suppress(ProtocolError):
            yield parse(model, line, path.name)


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """A path, and the state of an item whose file is there."""

    path: str
    state: ItemState


class ItemFiles:
    """Finds one item's file by any of its possible ids, with a few dozen stats per search."""

    def __init__(self, paths: WorkspacePaths, ids: tuple[str, ...]) -> None:
        self.ids = ids
        self._document_places = tuple(_document_places(paths, ids))
        self._archive_places = tuple(_archive_places(paths))
        self._set_aside_places = tuple(_set_aside_places(paths, ids))
        self._listed: dict[str, tuple[Stamp, ItemPlace | None]] = {}

    def find(self) -> ItemPlace | None:
        """Return the item's current place.

        A work document ranks before the inbox, which up to 0.20 keeps an idea's file forever.
        """
        return (
            _find_first(self._document_places)
            or self._find_archived()
            or _find_first(self._set_aside_places)
        )

    def _find_archived(self) -> ItemPlace | None:
        """Search the archives, whose file names have a time and a hash after the id."""
        for archive in self._archive_places:
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
            return None  # the folder was removed, perhaps with the workspace
        for name in names:
            path = str(Path(archive.path, name))
            if any(names_item(path, item_id) for item_id in self.ids):
                return ItemPlace(path, archive.state)
        return None


def item_folders(paths: WorkspacePaths) -> list[str]:
    """Return every folder that may contain an item's file."""
    folders = [folder.path for folder in (*work_folders(paths), *archive_folders(paths))]
    return [str(path) for path in (*folders, invalid_ideas(paths), *idea_inboxes(paths))]


def item_ids(item: ItemStatus) -> tuple[str, ...]:
    """Return every id that the item's files may have, Millrace's current one first."""
    ids = [item.millrace_id or item.item_id, item.item_id]
    if item.kind in {IntakeKind.IDEA, None} and not item.item_id.startswith(IDEA_PREFIX):
        ids.append(IDEA_PREFIX + item.item_id)
    return tuple(dict.fromkeys(ids))


def _document_places(paths: WorkspacePaths, ids: Iterable[str]) -> Iterable[ItemPlace]:
    for name in ids:
        for folder in work_folders(paths):
            yield ItemPlace(str(folder.path / f"{name}.md"), folder.state)


def _archive_places(paths: WorkspacePaths) -> Iterable[ItemPlace]:
    for folder in archive_folders(paths):
        yield ItemPlace(str(folder.path), folder.state)


def _set_aside_places(paths: WorkspacePaths, ids: Iterable[str]) -> Iterable[ItemPlace]:
    for name in ids:
        file = f"{name}.md"
        for folder in queue_folders(paths):
            yield ItemPlace(str(folder.path / f"{file}.invalid"), ItemState.INVALID)
        yield ItemPlace(str(invalid_ideas(paths) / file), ItemState.INVALID)
        for inbox in idea_inboxes(paths):
            yield ItemPlace(str(inbox / file), ItemState.INBOX)


def _find_first(places: Iterable[ItemPlace]) -> ItemPlace | None:
    for place in places:
        if os.path.exists(place.path):  # noqa: PTH110 - several dozen a poll, no Path each
            return place
    return None
