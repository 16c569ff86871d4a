"""List all unfinished work of a workspace (waiting, active or blocked) from its folders alone.

Items move during the search. Their names are collected in the direction in which they move
(mailbox, inbox, queue, active, blocked), so that a moving item is found at least once, and a second
time for items that were sent back or handed over meanwhile. Only then is each item located by its
name: its place at that moment counts, and it is listed once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.work.items import ItemState, UnfinishedItem
from millracer.errors import ProtocolError
from millracer.millrace.files.folders import (
    IDEA_PREFIX,
    SUFFIX,
    WorkFolder,
    documents_in,
    documents_of,
    idea_inboxes,
    is_there,
    work_folders,
)
from millracer.millrace.files.items.ideas import inbox_files, source_text, spec_made_of
from millracer.millrace.files.items.locate import find_place
from millracer.millrace.files.items.parents import ItemKey
from millracer.millrace.files.mailbox import WaitingAdd, waiting_adds
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.fields import request_hash_in
from millracer.millrace.intake.markdown import parse_idea
from millracer.millrace.wire.json_documents import ClosureTarget, parse
from millracer.system.files import open_regular, read_regular

_IDEA = "idea"
_SPEC = "spec"
_LISTED = (
    ItemState.ACTIVE,
    ItemState.QUEUED,
    ItemState.INBOX,
    ItemState.MAILBOX,
    ItemState.BLOCKED,
)
#: An item moves every few seconds at most; after so many failed reads it is listed without text.
_READS = 3
#: The same holds for work that continues as another item.
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An item that a search found; it may have moved since.

    Attributes:
        name: the item's id, or an idea's file name.
        add: the item's waiting add command, if nothing else of the item was found.
    """

    work_kind: str
    name: str
    add: WaitingAdd | None = None

    @property
    def key(self) -> ItemKey:
        return self.work_kind, self.name


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's text, None if it cannot be read, and its time of change (epoch seconds)."""

    text: str | None
    at: float


@dataclass(frozen=True, slots=True)
class DatedItem:
    """An unfinished item, and its time of change (epoch seconds)."""

    item: UnfinishedItem
    at: float


def list_unfinished(paths: WorkspacePaths) -> tuple[UnfinishedItem, ...]:
    """Return the items of one workspace; see the port."""
    return tuple(each.item for each in dated_unfinished(paths))


def dated_unfinished(paths: WorkspacePaths) -> list[DatedItem]:
    """Return the items of one workspace with their times, in the order of the port."""
    if not os.path.isdir(paths.agents):  # noqa: PTH112 - False, no error, without permission
        return []
    sightings = _collect(paths) | _collect(paths)
    entries: list[DatedItem | None] = []
    for _ in range(_ROUNDS):
        entries = [_resolve(paths, each) for each in sightings.values()]
        known = len(sightings)
        if None in entries:
            sightings |= _collect(paths)  # an item that has just ended may have created other work
        if len(sightings) == known:
            break
    found = {(each.item.work_kind, each.item.item_id): each for each in entries if each is not None}
    return sorted(found.values(), key=_sort_key)


def _sort_key(entry: DatedItem) -> tuple[int, float, str]:
    return _LISTED.index(entry.item.state), -entry.at, entry.item.item_id


def _collect(paths: WorkspacePaths) -> dict[ItemKey, _Found]:
    """Return the items found by one search, each at its furthest place."""
    return {each.key: each for each in _walk_folders(paths)}


def _walk_folders(paths: WorkspacePaths) -> Iterator[_Found]:
    """Yield every item found in any folder, in the direction in which items move."""
    for add in waiting_adds(paths):
        yield _Found(work_kind=add.work_kind, name=add.name, add=add)
    for path in inbox_files(paths):
        yield _Found(work_kind=_IDEA, name=path.name)
    for folder in work_folders(paths):
        if folder.state in _LISTED:
            for entry in documents_in(folder.path):
                yield _Found(work_kind=folder.work_kind, name=entry.name.removesuffix(SUFFIX))
    for path in _list_targets(paths):
        if _read_lineage_state(paths, path.stem) is not None:
            yield _Found(work_kind=_SPEC, name=path.stem)


def _resolve(paths: WorkspacePaths, sighting: _Found) -> DatedItem | None:
    """Return the current entry of an item, None if it is not unfinished any more."""
    # Checked before the place: an item whose command no longer waits already has a place.
    waits = sighting.add is not None and sighting.add.still_waits
    if sighting.work_kind == _IDEA:
        return _resolve_idea(paths, sighting, waits=waits)
    if sighting.add is not None and waits and _find_place_of(paths, sighting) is None:
        return _build_mailed(sighting.add)
    return _resolve_document(paths, sighting)


def _resolve_document(paths: WorkspacePaths, sighting: _Found) -> DatedItem | None:
    entry = None
    for _ in range(_READS):
        place = _find_place_of(paths, sighting)
        if place is None:
            return None
        folder, path = place
        state = _find_state(paths, sighting, folder)
        if state is None:
            return None
        document = _read(path)
        entry = DatedItem(
            UnfinishedItem(
                item_id=sighting.name,
                work_kind=sighting.work_kind,
                state=state,
                title=_read_title(document.text, sighting.name),
                ours=_is_from_millracer(document.text) or _is_spec_from_millracer(paths, sighting),
                path=str(path),
            ),
            document.at,
        )
        if document.text is not None or is_there(path):
            break
    return entry


def _resolve_idea(paths: WorkspacePaths, sighting: _Found, *, waits: bool) -> DatedItem | None:
    """Return the entry of the idea's spec if that exists, else of the idea if it still waits."""
    inbox = next((path for path in _inbox_paths(paths, sighting.name) if is_there(path)), None)
    mailed_text = None if sighting.add is None else sighting.add.text
    document = _Text(mailed_text, 0.0) if inbox is None else _read(inbox)
    spec_id = spec_made_of(paths, sighting.name, document.text)
    spec = None if spec_id is None else find_place(paths, spec_id)
    if spec_id is not None and spec is not None and spec.work_kind == _SPEC:
        return _resolve_document(paths, _Found(work_kind=_SPEC, name=spec_id))
    if inbox is None:
        return _build_mailed(sighting.add) if sighting.add is not None and waits else None
    return _build_idea(document, sighting.name, ItemState.INBOX, inbox)


def _build_mailed(add: WaitingAdd) -> DatedItem:
    at = add.at.timestamp()
    if add.work_kind == _IDEA:
        return _build_idea(_Text(add.text, at), add.name, ItemState.MAILBOX, add.path)
    item = UnfinishedItem(
        item_id=add.name,
        work_kind=add.work_kind,
        state=ItemState.MAILBOX,
        title=add.title or add.name,
        ours=add.request_hash is not None,
        path=str(add.path),
    )
    return DatedItem(item, at)


def _build_idea(document: _Text, file_name: str, state: ItemState, path: Path) -> DatedItem:
    ours = _is_from_millracer(document.text)
    stem = file_name.removesuffix(SUFFIX)
    item = UnfinishedItem(
        # Millracer derives the file name from the idea's id; a user's file has only its name.
        item_id=stem.removeprefix(IDEA_PREFIX) if ours else stem,
        work_kind=_IDEA,
        state=state,
        title=_read_title(document.text, stem),
        ours=ours,
        path=str(path),
    )
    return DatedItem(item, document.at)


def _find_place_of(paths: WorkspacePaths, sighting: _Found) -> tuple[WorkFolder, Path] | None:
    """Return a work document's place; searches twice, as it may be sent back meanwhile."""
    for _ in range(2):
        for folder, path in documents_of(paths, sighting.name):
            if folder.work_kind == sighting.work_kind:
                return folder, path
    return None


def _find_state(paths: WorkspacePaths, sighting: _Found, folder: WorkFolder) -> ItemState | None:
    if folder.state in _LISTED:
        return folder.state
    return _read_lineage_state(paths, sighting.name) if sighting.work_kind == _SPEC else None


def _read_lineage_state(paths: WorkspacePaths, spec_id: str) -> ItemState | None:
    """Return the state of a done root spec's lineage, None if the lineage is closed.

    Millrace marks a lineage as blocked once none of its other items is unfinished. The mark
    outlives a retry, so it counts only while no item that it names is live.
    """
    path = _targets_folder(paths) / f"{spec_id}.json"
    try:
        target = parse(ClosureTarget, read_regular(path), path.name)
    except (OSError, ProtocolError):
        return None
    if target.root_spec_id != spec_id or not target.closure_open:
        return None
    retried = any(
        folder.state.is_live
        for blocking_id in target.blocking_work_ids
        for folder, _ in documents_of(paths, blocking_id)
    )
    blocked = target.closure_blocked_by_lineage_work and not retried
    return ItemState.BLOCKED if blocked else ItemState.ACTIVE


def _targets_folder(paths: WorkspacePaths) -> Path:
    return paths.agents / "arbiter" / "targets"


def _list_targets(paths: WorkspacePaths) -> list[Path]:
    try:
        return [path for path in _targets_folder(paths).iterdir() if path.suffix == ".json"]
    except OSError:
        return []


def _inbox_paths(paths: WorkspacePaths, file_name: str) -> Iterator[Path]:
    return (inbox / file_name for inbox in idea_inboxes(paths))


def _read(path: Path) -> _Text:
    try:
        descriptor = open_regular(path, os.O_RDONLY)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            return _Text(file.read(), os.fstat(file.fileno()).st_mtime)
    except OSError:
        return _Text(None, _modified_at(path))


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read_title(text: str | None, name: str) -> str:
    """Return a document's heading, even if Millrace cannot use the rest."""
    return parse_idea(text or "", stem=name)[0]


def _is_from_millracer(text: str | None) -> bool:
    return text is not None and request_hash_in(text) is not None


def _is_spec_from_millracer(paths: WorkspacePaths, sighting: _Found) -> bool:
    return sighting.work_kind == _SPEC and _is_from_millracer(
        source_text(paths, sighting.name, sighting.name)
    )
