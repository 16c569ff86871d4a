"""Where Millrace's folders show an item: read from directory entries, no program is asked.

Millrace keeps one markdown file an item and moves it from folder to folder. Folders are looked
through in the direction in which items move, so that one on its way is not missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from millracer.adapters.millrace_text import archived_at, names_item
from millracer.adapters.workspace import WorkspacePaths
from millracer.contracts.millrace import Intervention, InvalidArtifact, Theirs, parse
from millracer.domain.work import ItemState
from millracer.errors import ProtocolError

#: Millrace's name of a family and its folder, in the order in which Millrace looks.
FAMILIES = (("task", "tasks"), ("probe", "probes"), ("spec", "specs"), ("incident", "incidents"))

_STATES = (
    ("queue", ItemState.QUEUED),
    ("active", ItemState.ACTIVE),
    ("done", ItemState.DONE),
    ("blocked", ItemState.BLOCKED),
)
_INCIDENT_STATES = (
    ("incoming", ItemState.QUEUED),
    ("active", ItemState.ACTIVE),
    ("resolved", ItemState.DONE),
    ("blocked", ItemState.BLOCKED),
)
#: The folders below a queue or blocked folder that hold what was taken out of it.
ARCHIVES = (("cancelled", ItemState.CANCELLED), ("superseded", ItemState.SUPERSEDED))
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
    state = next((state for name, state in ARCHIVES if name == path.parent.name), None)
    if record is not None and record.action == _ARCHIVE_BLOCKED:
        state = ItemState.ARCHIVED
    detail = "" if record is None else f"{record.action} by {record.actor}: {record.reason}"
    if record is not None and record.replacement_work_item_id is not None:
        detail += f" (replaced by {record.replacement_work_item_id})"
    return Place(work_kind=work_kind, state=state or ItemState.CANCELLED, path=path, detail=detail)


def _places(paths: WorkspacePaths, item_id: str) -> Iterator[Place]:
    for work_kind, family in FAMILIES:
        for folder, state in states_of(work_kind):
            path = paths.items(family, folder) / f"{item_id}.md"
            if path.is_file():
                yield Place(work_kind=work_kind, state=state, path=path)


def _archived(paths: WorkspacePaths, item_id: str) -> Place | None:
    found = [
        (archived_at(path.name), path.name, work_kind, path)
        for work_kind, family in FAMILIES
        for folder, _ in states_of(work_kind)
        for archive, _ in ARCHIVES
        for path in _entries(paths.items(family, folder) / archive, item_id)
        if names_item(str(path), item_id)
    ]
    if not found:
        return None
    _, _, work_kind, path = max(found)
    return archived_place(path, work_kind)


def _invalid(paths: WorkspacePaths, item_id: str) -> Place | None:
    set_aside = re.compile(re.escape(f"{item_id}.md.invalid") + r"(\.\d+)?")
    for work_kind, family in FAMILIES:
        folder = paths.items(family, states_of(work_kind)[0][0])
        for path in _entries(folder, item_id):
            if set_aside.fullmatch(path.name):
                return Place(
                    work_kind=work_kind,
                    state=ItemState.INVALID,
                    path=path,
                    detail=_why_invalid(folder, f"{item_id}.md"),
                )
    return None


def states_of(work_kind: str) -> tuple[tuple[str, ItemState], ...]:
    """Return a family's folders in the direction in which items move, each with what it means."""
    return _INCIDENT_STATES if work_kind == "incident" else _STATES


def _entries(folder: Path, item_id: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(f"{item_id}."))
    except (FileNotFoundError, NotADirectoryError):
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
