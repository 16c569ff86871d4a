"""Millrace's work folders, and the item state that each one means.

Millrace keeps one markdown file per item and moves it from folder to folder. The folders are listed
here in the direction in which items move, so a search in this order finds a moving item at least
once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.work.items import ItemState
from millracer.millrace.files.workspace import WorkspacePaths

SUFFIX = ".md"
#: Prefix of the id of a spec made from an idea, and of the idea files that Millracer writes.
IDEA_PREFIX = "idea-"

#: Millrace's work kinds with their folders, in Millrace's own search order.
_FAMILIES = (("task", "tasks"), ("probe", "probes"), ("spec", "specs"), ("incident", "incidents"))
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
#: Subfolders for items that were removed from a folder, with the state that they mean.
_ARCHIVES = {"cancelled": ItemState.CANCELLED, "superseded": ItemState.SUPERSEDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFolder:
    """A folder of work documents of one kind and in one state."""

    work_kind: str
    state: ItemState
    path: Path


def work_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders that items move through, one family after another."""
    return tuple(
        WorkFolder(work_kind=work_kind, state=state, path=paths.items(family, name))
        for work_kind, family in _FAMILIES
        for name, state in (_INCIDENT_STATES if work_kind == "incident" else _STATES)
    )


def queue_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders of queued items; Millrace also sets unreadable items aside there."""
    return tuple(folder for folder in work_folders(paths) if folder.state is ItemState.QUEUED)


def documents_of(paths: WorkspacePaths, item_id: str) -> Iterator[tuple[WorkFolder, Path]]:
    """Yield the files of an item, each with its folder."""
    for folder in work_folders(paths):
        path = folder.path / f"{item_id}{SUFFIX}"
        if is_there(path):
            yield folder, path


def archive_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders of removed items; their file names also hold a time and a hash."""
    return tuple(
        WorkFolder(work_kind=folder.work_kind, state=state, path=folder.path / name)
        for folder in work_folders(paths)
        for name, state in _ARCHIVES.items()
    )


def archive_state(path: Path) -> ItemState:
    """Return the state of an item from the path of its archived file."""
    return _ARCHIVES.get(path.parent.name, ItemState.CANCELLED)


def idea_inboxes(paths: WorkspacePaths) -> tuple[Path, ...]:
    """Return the inbox since 0.21, then the one up to 0.20, which keeps its files forever."""
    return (idea_folder(paths) / "inbox", paths.root / "ideas" / "inbox")


def invalid_ideas(paths: WorkspacePaths) -> Path:
    """Return the folder to which Millrace moves ideas it cannot use."""
    return idea_folder(paths) / "invalid"


def idea_folder(paths: WorkspacePaths) -> Path:
    """Return Millrace's idea folder."""
    return paths.agents / "intake" / "ideas"


def is_there(path: Path) -> bool:
    """Whether the path is a file; False if it may not be read."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises without permission


def documents_in(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield a folder's markdown files in no order; none if the folder cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:
        return
    for entry in found:
        try:
            if entry.is_file():
                yield entry
        except OSError:
            continue
