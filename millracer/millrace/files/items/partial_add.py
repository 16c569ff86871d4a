"""Remove the partial file that a failed add left in Millrace's folders.

Millrace writes an item's file in place. If the disk is full or Millrace is killed, it leaves a
truncated file. It would then set that file aside as unreadable, or take the rest of the request for
the whole. Millracer called the add, so Millracer removes the file.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from millracer.domain.requests import IntakeKind
from millracer.millrace.files.folders import idea_inboxes, queue_folders
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import read_regular_text

#: Millrace renders this one field itself, so it differs from the document.
_REWRITTEN_FIELD = "Created-At:"


def remove_half_added(
    paths: WorkspacePaths, document: Path, kind: IntakeKind, item_id: str
) -> None:
    """Remove the file of an item whose add failed, unless it holds the whole document.

    Call under the item's lock. A file that cannot be read or removed is left.
    """
    with suppress(OSError):
        wanted = _read_lines(document)
        for path in _list_candidates(paths, document, kind, item_id):
            with suppress(FileNotFoundError):
                if not wanted <= _read_lines(path):
                    path.unlink()


def _list_candidates(
    paths: WorkspacePaths, document: Path, kind: IntakeKind, item_id: str
) -> tuple[Path, ...]:
    if kind is IntakeKind.IDEA:
        return tuple(inbox / document.name for inbox in idea_inboxes(paths))
    return tuple(
        folder.path / f"{item_id}.md"
        for folder in queue_folders(paths)
        if folder.work_kind == kind.value
    )


def _read_lines(path: Path) -> set[str]:
    text = read_regular_text(path)
    lines = {line.strip() for line in text.splitlines()}
    return {line for line in lines if not line.startswith(_REWRITTEN_FIELD)}
