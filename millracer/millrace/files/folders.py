"""Millrace's folders of work: which there are, and what it means for a file to lie in one.

Millrace keeps one markdown file an item and moves it from folder to folder. The order of the
folders here is the direction in which items move: who looks through them in it meets an item that
is on its way at least once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.items import ItemState
from millracer.millrace.files.workspace import WorkspacePaths

SUFFIX = ".md"
#: What the id of a spec made from an idea begins with, and the name of an idea's file of ours.
IDEA_PREFIX = "idea-"

#: Millrace's name of a family and its folder, in the order in which Millrace looks.
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
#: The folders below one of those that hold what was taken out of it.
_ARCHIVES = {"cancelled": ItemState.CANCELLED, "superseded": ItemState.SUPERSEDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFolder:
    """A folder of work documents, all of one kind and in one state."""

    work_kind: str
    state: ItemState
    path: Path


def work_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders items work their way through, family after family."""
    return tuple(
        WorkFolder(work_kind=work_kind, state=state, path=paths.items(family, name))
        for work_kind, family in _FAMILIES
        for name, state in (_INCIDENT_STATES if work_kind == "incident" else _STATES)
    )


def queue_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders in which items wait, and beside which Millrace sets unreadable ones."""
    return tuple(folder for folder in work_folders(paths) if folder.state is ItemState.QUEUED)


def documents_of(paths: WorkspacePaths, item_id: str) -> Iterator[tuple[WorkFolder, Path]]:
    """Yield the files that are the item of this id, each with the folder it lies in."""
    for folder in work_folders(paths):
        path = folder.path / f"{item_id}{SUFFIX}"
        if is_there(path):
            yield folder, path


def archive_folders(paths: WorkspacePaths) -> tuple[WorkFolder, ...]:
    """Return the folders of what was taken out; its files carry a time and a hash as well."""
    return tuple(
        WorkFolder(work_kind=folder.work_kind, state=state, path=folder.path / name)
        for folder in work_folders(paths)
        for name, state in _ARCHIVES.items()
    )


def archive_state(path: Path) -> ItemState:
    """Return what it means that a file lies in this archive folder."""
    return _ARCHIVES.get(path.parent.name, ItemState.CANCELLED)


def idea_inboxes(paths: WorkspacePaths) -> tuple[Path, ...]:
    """Return where ideas wait: since 0.21, and up to 0.20, where their files stay for ever."""
    return (idea_folder(paths) / "inbox", paths.root / "ideas" / "inbox")


def invalid_ideas(paths: WorkspacePaths) -> Path:
    """Return where Millrace puts ideas it cannot use."""
    return idea_folder(paths) / "invalid"


def idea_folder(paths: WorkspacePaths) -> Path:
    """Return Millrace's folder of ideas."""
    return paths.agents / "intake" / "ideas"


def is_there(path: Path) -> bool:
    """Whether a file lies there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where one may not look


def documents_in(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the markdown files of a folder, none where it cannot be read; in no order."""
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
