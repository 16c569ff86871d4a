"""What a failed add left half written in Millrace's folders; we had it written, so we remove it.

Millrace writes an item's file in place. On a full disk, or killed, it leaves the beginning of one:
it would set that aside as unreadable, or take what is left of the request for all of it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from millracer.domain.requests import IntakeKind
from millracer.millrace.files.folders import idea_inboxes, queue_folders
from millracer.millrace.files.workspace import WorkspacePaths

#: Millrace renders this one field anew.
_RENDERED_ANEW = "Created-At:"


def remove_half_added(
    paths: WorkspacePaths, document: Path, kind: IntakeKind, item_id: str
) -> None:
    """Remove the file of an item whose add failed, unless the whole document is in it.

    Call under the item's lock. What cannot be read or removed is left.
    """
    with suppress(OSError):
        wanted = _lines(document)
        for path in _places(paths, document, kind, item_id):
            with suppress(FileNotFoundError):
                if not wanted <= _lines(path):
                    path.unlink()


def _places(
    paths: WorkspacePaths, document: Path, kind: IntakeKind, item_id: str
) -> tuple[Path, ...]:
    if kind is IntakeKind.IDEA:
        return tuple(inbox / document.name for inbox in idea_inboxes(paths))
    return tuple(
        folder.path / f"{item_id}.md"
        for folder in queue_folders(paths)
        if folder.work_kind == kind.value
    )


def _lines(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = {line.strip() for line in text.splitlines()}
    return {line for line in lines if not line.startswith(_RENDERED_ANEW)}
