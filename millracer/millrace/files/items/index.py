"""Index every work document of a workspace: its place and its header fields.

Documents are found by directory entries. A file's fields are parsed again only when its stat has
changed, so a read costs a few milliseconds, no matter how many items are done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.domain.work.items import ItemState
from millracer.millrace.files.folders import (
    SUFFIX,
    WorkFolder,
    archive_folders,
    documents_in,
    work_folders,
)
from millracer.millrace.files.items.locate import Place, archived_place, find_place
from millracer.millrace.files.items.parents import ItemKey
from millracer.millrace.files.state import Stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.markdown import MarkdownFields, UnreadableDocument, parse_fields
from millracer.millrace.wire.text_output import archived_at, archived_id
from millracer.system.files import read_regular_text

_NO_FIELDS = MarkdownFields(heading="", fields={})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDocument:
    """One item's document.

    Attributes:
        state: the state that its folder means; None if the file is in no known folder any more.
        fields: empty if Millrace could not read the document either.
    """

    work_kind: str
    item_id: str
    path: Path
    state: ItemState | None
    fields: MarkdownFields

    def place(self) -> Place | None:
        """Return the document's place; an archived one's includes the reason."""
        if self.state is None:
            return None
        if self.state.is_set_aside and self.path.name.endswith(SUFFIX):
            return archived_place(self.path, self.work_kind)
        return Place(work_kind=self.work_kind, state=self.state, path=self.path)


class WorkDocuments:
    """The documents of one workspace; remembers those it saw, so that no moving one is lost."""

    def __init__(self, paths: WorkspacePaths) -> None:
        self._paths = paths
        self._parsed: dict[str, tuple[Stamp, MarkdownFields]] = {}
        self._known: dict[ItemKey, WorkDocument] = {}

    def read(self) -> Mapping[ItemKey, WorkDocument]:
        """Return all documents by kind and id.

        Folders are searched in the direction in which items move, and a second time if a known
        document is missing, because an item may be sent back during the search.
        """
        found = self._scan()
        if not self._known or not self._known.keys() <= found.keys():
            found |= self._scan()
        for key in self._known.keys() - found.keys():
            found[key] = self._search(self._known[key])
        paths = {str(document.path) for document in found.values()}
        self._parsed = {path: parsed for path, parsed in self._parsed.items() if path in paths}
        self._known = found
        return found

    def _scan(self) -> dict[ItemKey, WorkDocument]:
        found: dict[ItemKey, WorkDocument] = {}
        for folder in work_folders(self._paths):
            for entry in documents_in(folder.path):
                document = self._read_document(entry, entry.name.removesuffix(SUFFIX), folder)
                if document is not None:
                    found[folder.work_kind, document.item_id] = document
        archived: dict[ItemKey, WorkDocument] = {}
        for folder in archive_folders(self._paths):
            for document in self._read_archive(folder):
                key = folder.work_kind, document.item_id
                earlier = archived.get(key)
                if earlier is None or _archive_time(earlier) <= _archive_time(document):
                    archived[key] = document
        return archived | found

    def _read_archive(self, folder: WorkFolder) -> Iterator[WorkDocument]:
        for entry in documents_in(folder.path):
            item_id = archived_id(entry.name)
            if item_id is not None:
                document = self._read_document(entry, item_id, folder)
                if document is not None:
                    yield document

    def _read_document(
        self, entry: os.DirEntry[str], item_id: str, folder: WorkFolder
    ) -> WorkDocument | None:
        try:
            fields = self._read_fields(entry)
        except OSError:
            return None  # it moved after the folder was listed
        return WorkDocument(
            work_kind=folder.work_kind,
            item_id=item_id,
            path=Path(entry.path),
            state=folder.state,
            fields=fields,
        )

    def _read_fields(self, entry: os.DirEntry[str]) -> MarkdownFields:
        status = entry.stat()
        now = status.st_mtime_ns, status.st_size, status.st_ino
        parsed = self._parsed.get(entry.path)
        if parsed is None or parsed[0] != now:
            text = read_regular_text(Path(entry.path))
            try:
                parsed = now, parse_fields(text)
            except UnreadableDocument:
                parsed = now, _NO_FIELDS
            self._parsed[entry.path] = parsed
        return parsed[1]

    def _search(self, document: WorkDocument) -> WorkDocument:
        """Search again for a document that the scan missed; its known fields remain valid."""
        place = find_place(self._paths, document.item_id)
        if place is None or place.work_kind != document.work_kind:
            return replace(document, state=None)
        return replace(document, state=place.state, path=place.path)


def _archive_time(document: WorkDocument) -> str:
    return archived_at(document.path.name)
