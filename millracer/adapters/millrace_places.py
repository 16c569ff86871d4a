"""Where Millrace's folders show an item: read from directory entries, no program is asked.

The folders are those of `millrace_folders`, looked through in the direction in which items move, so
that one on its way is not missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from millracer.adapters.millrace_folders import (
    archive_folders,
    archive_state,
    documents_of,
    queue_folders,
)
from millracer.adapters.millrace_text import archived_at, names_item
from millracer.adapters.workspace import WorkspacePaths
from millracer.contracts.millrace import Intervention, InvalidArtifact, Theirs, parse
from millracer.domain.work import ItemState
from millracer.errors import ProtocolError

_Record = TypeVar("_Record", bound=Theirs)
_ARCHIVE_BLOCKED = "archive_blocked_task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file that is the item, and what its folder says about it."""

    work_kind: str
    state: ItemState
    path: Path
    detail: str = ""


def find_place(paths: WorkspacePaths, item_id: str) -> Place | None:
    """Return where the item lies; one that is worked on or ended comes before an archived one.

    Looks twice when it sees nothing, because an item may be sent back while it is looked for.
    """
    return (
        next(_places(paths, item_id), None)
        or next(_places(paths, item_id), None)
        or _archived(paths, item_id)
        or _invalid(paths, item_id)
    )


def archived_place(path: Path, work_kind: str) -> Place:
    """Return an archived file's place with the reason its folder recorded."""
    record = _intervention(path)
    state = archive_state(path)
    if record is not None and record.action == _ARCHIVE_BLOCKED:
        state = ItemState.ARCHIVED
    detail = "" if record is None else f"{record.action} by {record.actor}: {record.reason}"
    if record is not None and record.replacement_work_item_id is not None:
        detail += f" (replaced by {record.replacement_work_item_id})"
    return Place(work_kind=work_kind, state=state, path=path, detail=detail)


def _places(paths: WorkspacePaths, item_id: str) -> Iterator[Place]:
    for folder, path in documents_of(paths, item_id):
        yield Place(work_kind=folder.work_kind, state=folder.state, path=path)


def _archived(paths: WorkspacePaths, item_id: str) -> Place | None:
    found = [
        (archived_at(path.name), path.name, folder.work_kind, path)
        for folder in archive_folders(paths)
        for path in _entries(folder.path, item_id)
        if names_item(str(path), item_id)
    ]
    if not found:
        return None
    _, _, work_kind, path = max(found)
    return archived_place(path, work_kind)


def _invalid(paths: WorkspacePaths, item_id: str) -> Place | None:
    set_aside = re.compile(re.escape(f"{item_id}.md.invalid") + r"(\.\d+)?")
    for folder in queue_folders(paths):
        for path in _entries(folder.path, item_id):
            if set_aside.fullmatch(path.name):
                return Place(
                    work_kind=folder.work_kind,
                    state=ItemState.INVALID,
                    path=path,
                    detail=_why_invalid(folder.path, f"{item_id}.md"),
                )
    return None


def _entries(folder: Path, item_id: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(f"{item_id}."))
    except OSError:
        return []


def _intervention(path: Path) -> Intervention | None:
    records = _records(path.parent / "interventions.jsonl", Intervention)
    return next((each for each in records if Path(each.destination_path).name == path.name), None)


def _why_invalid(folder: Path, source_name: str) -> str:
    reasons = [
        record.error_message or record.error or ""
        for record in _records(folder / "invalid-artifacts.jsonl", InvalidArtifact)
        if record.source_name == source_name
    ]
    return reasons[-1] if reasons else ""


def _records(path: Path, model: type[_Record]) -> Iterator[_Record]:
    """Yield a log's readable lines; it only explains a place, so one that is not is passed over."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for line in lines:
        with suppress(ProtocolError):
            yield parse(model, line, path.name)
