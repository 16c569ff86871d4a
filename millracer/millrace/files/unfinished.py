"""Everything Millrace still works on or has blocked in a workspace, read from its folders alone.

Items move while they are looked for. Their names are collected in the direction in which they move
(mailbox, inbox, queue, active, blocked), so that one on its way is met at least once, and a second
time over for those that were sent back or handed on meanwhile. Only then is each looked for by its
name: where it lies at that moment counts, and only once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.items import ItemState, UnfinishedItem
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
from millracer.millrace.files.ideas import inbox_files, source_text, spec_made_of
from millracer.millrace.files.locate import find_place
from millracer.millrace.files.mailbox import WaitingAdd, waiting_adds
from millracer.millrace.files.parents import ItemKey
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.fields import request_hash_in
from millracer.millrace.intake.markdown import parse_idea
from millracer.millrace.wire.json_documents import ClosureTarget, parse

_IDEA = "idea"
_SPEC = "spec"
_LISTED = (
    ItemState.ACTIVE,
    ItemState.QUEUED,
    ItemState.INBOX,
    ItemState.MAILBOX,
    ItemState.BLOCKED,
)
#: An item moves every few seconds at most; one that is gone again this often stays without a text.
_READS = 3
#: The same holds for work that goes on in the shape of another item.
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """An item that one look met; by now it may lie elsewhere.

    Attributes:
        name: its id; of an idea its file name.
        add: the command that adds it, where that is all there is of it.
    """

    work_kind: str
    name: str
    add: WaitingAdd | None = None

    @property
    def key(self) -> ItemKey:
        return self.work_kind, self.name


@dataclass(frozen=True, slots=True)
class _Text:
    """What a file says, None where it cannot be read, and when it was written."""

    text: str | None
    at: float


@dataclass(frozen=True, slots=True)
class _Left:
    """An item that is left, and when it was written."""

    item: UnfinishedItem
    at: float


def list_unfinished(paths: WorkspacePaths) -> tuple[UnfinishedItem, ...]:
    """Return the items of one workspace; see the port."""
    if not os.path.isdir(paths.agents):  # noqa: PTH112 - one we may not look into holds nothing
        return ()
    met = _look(paths) | _look(paths)
    left: list[_Left | None] = []
    for _ in range(_ROUNDS):
        left = [_settle(paths, each) for each in met.values()]
        known = len(met)
        if None in left:
            met |= _look(paths)  # what ended just now may have left other work behind
        if len(met) == known:
            break
    found = {(each.item.work_kind, each.item.item_id): each for each in left if each is not None}
    return tuple(each.item for each in sorted(found.values(), key=_rank))


def _rank(left: _Left) -> tuple[int, float, str]:
    return _LISTED.index(left.item.state), -left.at, left.item.item_id


def _look(paths: WorkspacePaths) -> dict[ItemKey, _Met]:
    """Return what is met; of an item met twice on its way, where it is further on."""
    return {each.key: each for each in _on_the_way(paths)}


def _on_the_way(paths: WorkspacePaths) -> Iterator[_Met]:
    """Yield what lies anywhere, in the direction in which items move."""
    for add in waiting_adds(paths):
        yield _Met(work_kind=add.work_kind, name=add.name, add=add)
    for path in inbox_files(paths):
        yield _Met(work_kind=_IDEA, name=path.name)
    for folder in work_folders(paths):
        if folder.state in _LISTED:
            for entry in documents_in(folder.path):
                yield _Met(work_kind=folder.work_kind, name=entry.name.removesuffix(SUFFIX))
    for path in _targets(paths):
        if _lineage_state(paths, path.stem) is not None:
            yield _Met(work_kind=_SPEC, name=path.stem)


def _settle(paths: WorkspacePaths, met: _Met) -> _Left | None:
    """Return what was met as it stands now, None where it is not left any more."""
    # Asked before its place is looked for: what stops waiting has its place already.
    waits = met.add is not None and met.add.still_waits
    if met.work_kind == _IDEA:
        return _settle_idea(paths, met, waits=waits)
    if met.add is not None and waits and _place(paths, met) is None:
        return _mailed(met.add)
    return _settle_document(paths, met)


def _settle_document(paths: WorkspacePaths, met: _Met) -> _Left | None:
    left = None
    for _ in range(_READS):
        place = _place(paths, met)
        if place is None:
            return None
        folder, path = place
        state = _state(paths, met, folder)
        if state is None:
            return None
        document = _read(path)
        left = _Left(
            UnfinishedItem(
                item_id=met.name,
                work_kind=met.work_kind,
                state=state,
                title=_title(document.text, met.name),
                ours=_is_ours(document.text) or _is_made_of_ours(paths, met),
                path=str(path),
            ),
            document.at,
        )
        if document.text is not None or is_there(path):
            break
    return left


def _settle_idea(paths: WorkspacePaths, met: _Met, *, waits: bool) -> _Left | None:
    """Return the spec that an idea became, where it is left, else the idea, if it is one yet."""
    inbox = next((path for path in _inbox_paths(paths, met.name) if is_there(path)), None)
    said = None if met.add is None else met.add.text
    document = _Text(said, 0.0) if inbox is None else _read(inbox)
    spec_id = spec_made_of(paths, met.name, document.text)
    spec = None if spec_id is None else find_place(paths, spec_id)
    if spec_id is not None and spec is not None and spec.work_kind == _SPEC:
        return _settle_document(paths, _Met(work_kind=_SPEC, name=spec_id))
    if inbox is None:
        return _mailed(met.add) if met.add is not None and waits else None
    return _idea(document, met.name, ItemState.INBOX, inbox)


def _mailed(add: WaitingAdd) -> _Left:
    at = add.at.timestamp()
    if add.work_kind == _IDEA:
        return _idea(_Text(add.text, at), add.name, ItemState.MAILBOX, add.path)
    item = UnfinishedItem(
        item_id=add.name,
        work_kind=add.work_kind,
        state=ItemState.MAILBOX,
        title=add.title or add.name,
        ours=add.request_hash is not None,
        path=str(add.path),
    )
    return _Left(item, at)


def _idea(document: _Text, file_name: str, state: ItemState, path: Path) -> _Left:
    ours = _is_ours(document.text)
    stem = file_name.removesuffix(SUFFIX)
    item = UnfinishedItem(
        # The idea's id is what we made the file's name of; a person's file is known by its name.
        item_id=stem.removeprefix(IDEA_PREFIX) if ours else stem,
        work_kind=_IDEA,
        state=state,
        title=_title(document.text, stem),
        ours=ours,
        path=str(path),
    )
    return _Left(item, document.at)


def _place(paths: WorkspacePaths, met: _Met) -> tuple[WorkFolder, Path] | None:
    """Return where a work document lies; looks twice, as it may be sent back meanwhile."""
    for _ in range(2):
        for folder, path in documents_of(paths, met.name):
            if folder.work_kind == met.work_kind:
                return folder, path
    return None


def _state(paths: WorkspacePaths, met: _Met, folder: WorkFolder) -> ItemState | None:
    if folder.state in _LISTED:
        return folder.state
    return _lineage_state(paths, met.name) if met.work_kind == _SPEC else None


def _lineage_state(paths: WorkspacePaths, spec_id: str) -> ItemState | None:
    """Return how the lineage of a root spec stands that is done itself, None where it is closed.

    Millrace marks a lineage as blocked once nothing else of it is left to do, and the mark outlives
    a retry, so it counts only while nothing it names is worked on.
    """
    path = _targets_folder(paths) / f"{spec_id}.json"
    try:
        target = parse(ClosureTarget, path.read_bytes(), path.name)
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


def _targets(paths: WorkspacePaths) -> list[Path]:
    try:
        return [path for path in _targets_folder(paths).iterdir() if path.suffix == ".json"]
    except OSError:
        return []


def _inbox_paths(paths: WorkspacePaths, file_name: str) -> Iterator[Path]:
    return (inbox / file_name for inbox in idea_inboxes(paths))


def _read(path: Path) -> _Text:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _Text(file.read(), os.fstat(file.fileno()).st_mtime)
    except OSError:
        return _Text(None, _written(path))


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _title(text: str | None, name: str) -> str:
    """Return a document's heading, whether or not Millrace could use the rest."""
    return parse_idea(text or "", stem=name)[0]


def _is_ours(text: str | None) -> bool:
    return text is not None and request_hash_in(text) is not None


def _is_made_of_ours(paths: WorkspacePaths, met: _Met) -> bool:
    return met.work_kind == _SPEC and _is_ours(source_text(paths, met.name, met.name))
