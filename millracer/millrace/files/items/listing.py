"""List all items of a workspace in any state, from its folders alone.

Unfinished items are located as in `items.unfinished`. An item that ends during the search is listed
once, as unfinished or as ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from millracer.domain.work.items import ItemState, ListedItem
from millracer.millrace.files.folders import (
    SUFFIX,
    archive_folders,
    documents_in,
    queue_folders,
    work_folders,
)
from millracer.millrace.files.items.locate import archived_place, find_place
from millracer.millrace.files.items.unfinished import dated_unfinished
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.markdown import parse_idea
from millracer.millrace.wire.text_output import archived_id
from millracer.system.files import read_regular_text

#: Titles that a process keeps: those of ended items rarely change.
_KEPT_TITLES = 20_000
_INVALID = f"{SUFFIX}.invalid"


def list_items(paths: WorkspacePaths) -> tuple[ListedItem, ...]:
    """Return the items of one workspace; see the port."""
    found: dict[tuple[str, str], ListedItem] = {}
    for each in (*_unfinished(paths), *_done(paths), *_set_aside(paths)):
        found.setdefault((each.work_kind, each.item_id), each)
    return tuple(sorted(found.values(), key=lambda each: each.written_at, reverse=True))


def item_titles(paths: WorkspacePaths, item_ids: Iterable[str]) -> dict[str, str]:
    """Return the titles of items by their ids; see the port."""
    found = {}
    for item_id in item_ids:
        place = find_place(paths, item_id)
        if place is not None:
            listed = _listed(item_id, place.work_kind, place.state, place.path)
            found[item_id] = listed.title
    return found


def _unfinished(paths: WorkspacePaths) -> Iterator[ListedItem]:
    for entry in dated_unfinished(paths):
        item = entry.item
        yield ListedItem(
            item_id=item.item_id,
            work_kind=item.work_kind,
            state=item.state,
            title=item.title,
            written_at=datetime.fromtimestamp(entry.at, UTC),
            path=item.path,
        )


def _done(paths: WorkspacePaths) -> Iterator[ListedItem]:
    for folder in work_folders(paths):
        if folder.state is ItemState.DONE:
            for entry in documents_in(folder.path):
                item_id = entry.name.removesuffix(SUFFIX)
                yield _listed(item_id, folder.work_kind, folder.state, Path(entry.path))


def _set_aside(paths: WorkspacePaths) -> Iterator[ListedItem]:
    for folder in archive_folders(paths):
        for entry in documents_in(folder.path):
            item_id = archived_id(entry.name)
            if item_id is not None:
                place = archived_place(Path(entry.path), folder.work_kind)
                yield _listed(item_id, place.work_kind, place.state, place.path)
    for folder in queue_folders(paths):
        for path in _invalid_files(folder.path):
            item_id = path.name.partition(_INVALID)[0]
            yield _listed(item_id, folder.work_kind, ItemState.INVALID, path)


def _invalid_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _INVALID in path.name]
    except OSError:
        return []


def _listed(item_id: str, work_kind: str, state: ItemState, path: Path) -> ListedItem:
    try:
        status = path.stat()
        title = _title(str(path), item_id, status.st_mtime_ns, status.st_size)
        at = status.st_mtime
    except OSError:
        title, at = parse_idea("", stem=item_id)[0], 0.0
    return ListedItem(
        item_id=item_id,
        work_kind=work_kind,
        state=state,
        title=title,
        written_at=datetime.fromtimestamp(at, UTC),
        path=str(path),
    )


@lru_cache(maxsize=_KEPT_TITLES)
def _title(path: str, item_id: str, _changed_ns: int, _size: int) -> str:
    """Return the title in a document, which a resident process reads again once it changed."""
    text = read_regular_text(Path(path))
    return parse_idea(text, stem=item_id)[0]
