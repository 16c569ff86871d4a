"""Follow an idea from its inbox file to the spec that Millrace makes from it.

Up to 0.20 the spec's id is the file's stem with `idea-` before it, and the inbox file remains. From
0.21 the id is derived from the text, the inbox file is archived, and a note, written before the
spec is queued, names the spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from millracer.domain.requests import IntakeKind
from millracer.errors import ProtocolError
from millracer.millrace.files.event_log import newest_events
from millracer.millrace.files.folders import (
    IDEA_PREFIX,
    documents_in,
    idea_folder,
    idea_inboxes,
    invalid_ideas,
    is_there,
)
from millracer.millrace.files.items.locate import Place, find_place
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.documents import document_file_name
from millracer.millrace.wire.json_documents import NormalizedIdea, parse
from millracer.system.files import read_regular, read_regular_text

_NOT_IN_A_SPEC_ID = re.compile(r"[^A-Za-z0-9._-]+")
_NOT_TAKEN_IN = frozenset(
    {"idea_source_artifact_write_failed", "idea_normalized_artifact_write_failed"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdeaSight:
    """The state of an idea on disk.

    Attributes:
        spec_id: the id of the spec made from the idea, if there is one.
        spec: the place of that spec.
        inbox: the inbox file, which may still exist beside the spec.
        set_aside: the file that Millrace moved away as unusable.
    """

    spec_id: str | None = None
    spec: Place | None = None
    inbox: Path | None = None
    set_aside: Path | None = None


def idea_file_names(item_id: str) -> frozenset[str]:
    """Return the possible inbox file names of an idea: Millracer's, and a user's own."""
    return frozenset({document_file_name(item_id, IntakeKind.IDEA), f"{item_id}.md"})


def see_idea(paths: WorkspacePaths, item_id: str) -> IdeaSight:
    """Find an idea on disk, in the direction in which it moves: inbox file, then spec."""
    names = idea_file_names(item_id)
    inbox = _find_first_file(idea_inboxes(paths), names)
    for spec_id in _find_spec_ids(paths, names):
        spec = find_place(paths, spec_id)
        if spec is not None and spec.work_kind == "spec":
            return IdeaSight(spec_id=spec_id, spec=spec, inbox=inbox)
    return IdeaSight(inbox=inbox, set_aside=_find_first_file((invalid_ideas(paths),), names))


def inbox_files(paths: WorkspacePaths) -> Iterator[Path]:
    """Yield every idea file in the inboxes, also those that already became a spec."""
    for inbox in idea_inboxes(paths):
        for entry in documents_in(inbox):
            yield Path(entry.path)


def spec_made_of(paths: WorkspacePaths, file_name: str, text: str | None) -> str | None:
    """Return the id of the spec made from an idea's file; the spec need not exist yet.

    Args:
        paths: the workspace's paths.
        file_name: the idea's file name.
        text: the file's text, if known: from 0.21, the same name with another text is another idea.
    """
    for _, note in _read_notes(paths, frozenset({file_name})):
        if text is None or source_text(paths, note.spec_id, note.spec_id) in {None, text}:
            return note.spec_id
    spec_id = _derive_spec_id(file_name)
    return spec_id if has_source(paths, spec_id) else None


def idea_of_spec(paths: WorkspacePaths, spec_id: str) -> str | None:
    """Return the id of the idea that a spec was made from; None for any other item."""
    if not spec_id.startswith(IDEA_PREFIX):
        return None
    names = (*_noted_file_names(paths, spec_id), *_possible_file_names(paths, spec_id))
    return next((_idea_in(paths, name) for name in names), None)


def noted_specs(paths: WorkspacePaths, item_id: str) -> Iterator[tuple[str, Path]]:
    """Yield the ids of the specs that Millrace's notes (0.21) name for an idea, with the notes."""
    for path, note in _read_notes(paths, idea_file_names(item_id)):
        yield note.spec_id, path


def source_text(paths: WorkspacePaths, item_id: str, spec_id: str | None) -> str | None:
    """Return an idea's text as Millrace keeps it: the spec's source, else the inbox file."""
    candidates = [
        folder / f"{spec_id}.md" for folder in _source_folders(paths) if spec_id is not None
    ]
    names = idea_file_names(item_id)
    candidates += [
        folder / name
        for folder in (*idea_inboxes(paths), idea_folder(paths) / "archived")
        for name in sorted(names)
    ]
    for path in candidates:
        with suppress(OSError):
            return read_regular_text(path)
    return None


def has_source(paths: WorkspacePaths, spec_id: str) -> bool:
    """Whether a spec was made from an idea."""
    return any(is_there(folder / f"{spec_id}.md") for folder in _source_folders(paths))


def why_not_taken_in(paths: WorkspacePaths, inbox: Path) -> str:
    """Return why Millrace leaves an idea in its inbox, empty if it logged no reason."""
    for event in newest_events(paths.event_log, naming=inbox.name):
        if event.event_type in _NOT_TAKEN_IN and _has_name(event.data.idea_path, inbox.name):
            return f"{event.event_type}: {event.data.error or 'no reason given'}"
    return ""


def _find_spec_ids(paths: WorkspacePaths, names: frozenset[str]) -> Iterator[str]:
    yield from (note.spec_id for _, note in _read_notes(paths, names))
    for name in sorted(names):
        yield _derive_spec_id(name)


def _derive_spec_id(file_name: str) -> str:
    """Return the id of the spec that Millrace up to 0.20 makes from an idea's file."""
    stem = _NOT_IN_A_SPEC_ID.sub("-", PurePath(file_name).stem).strip("-.")
    return IDEA_PREFIX + (stem.removeprefix(IDEA_PREFIX) or "idea")


def _notes_folder(paths: WorkspacePaths) -> Path:
    return idea_folder(paths) / "normalized"


def _read_notes(
    paths: WorkspacePaths, names: frozenset[str]
) -> Iterator[tuple[Path, NormalizedIdea]]:
    try:
        entries = sorted(_notes_folder(paths).glob("*.json"))
    except OSError:
        return
    for path in entries:
        with suppress(OSError, ProtocolError):
            text = read_regular_text(path)
            if not any(name in text for name in names):
                continue
            note = parse(NormalizedIdea, text, path.name)
            if any(
                _has_name(source, name)
                for source in (note.archived_source, note.source_path)
                for name in names
            ):
                yield path, note


def _noted_file_names(paths: WorkspacePaths, spec_id: str) -> Iterator[str]:
    """Yield the idea's file name from Millrace's note about a spec (0.21)."""
    with suppress(OSError, ProtocolError):
        path = _notes_folder(paths) / f"{spec_id}.json"
        note = parse(NormalizedIdea, read_regular(path).decode(), path.name)
        if note.spec_id == spec_id:
            yield PurePath(note.archived_source or note.source_path).name


def _possible_file_names(paths: WorkspacePaths, spec_id: str) -> Iterator[str]:
    """Yield the name of the inbox file that Millrace up to 0.20 made a spec of."""
    for file in inbox_files(paths):
        if _derive_spec_id(file.name) == spec_id and has_source(paths, spec_id):
            yield file.name


def _idea_in(paths: WorkspacePaths, file_name: str) -> str:
    """Return the id of the idea in an inbox file: Millracer's, or a user's own."""
    stem = PurePath(file_name).stem
    item_id = stem.removeprefix(IDEA_PREFIX)
    is_stored = is_there(paths.intake / document_file_name(item_id, IntakeKind.IDEA))
    return item_id if is_stored else stem


def _has_name(path: str | None, file_name: str) -> bool:
    return path is not None and PurePath(path).name == file_name


def _source_folders(paths: WorkspacePaths) -> tuple[Path, ...]:
    return (paths.agents / "intake" / "sources" / "idea", idea_folder(paths))


def _find_first_file(folders: tuple[Path, ...], names: frozenset[str]) -> Path | None:
    candidates = (folder / name for folder in folders for name in sorted(names))
    return next((path for path in candidates if is_there(path)), None)
