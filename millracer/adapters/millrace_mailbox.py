"""Finds the add command of an item in the mailbox of a running daemon.

A command lies in `incoming` (as `.json`, or `.json.claimed` while it is carried out) until the
daemon moves it to `processed` or `failed`. Only `incoming` and `failed` speak here: what was
processed is in the queue or the inbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from millracer.adapters.workspace import WorkspacePaths
from millracer.contracts.millrace import MailboxArchive, MailboxEnvelope, parse
from millracer.domain.documents import request_hash_in, request_hash_in_references
from millracer.domain.work import IntakeKind, ItemState
from millracer.errors import ProtocolError

_WAITING = (".json", ".json.claimed")
_KINDS = {
    "add_task": IntakeKind.TASK,
    "add_probe": IntakeKind.PROBE,
    "add_idea": IntakeKind.IDEA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedAdd:
    """An add command that names the item: waiting (`MAILBOX`) or refused (`REFUSED`)."""

    kind: IntakeKind
    state: ItemState
    path: Path
    at: datetime
    request_hash: str | None
    detail: str = ""


def find_add(paths: WorkspacePaths, item_id: str, idea_names: frozenset[str]) -> MailedAdd | None:
    """Return the item's waiting add command, else the newest one the daemon refused."""
    waiting = _newest(_waiting(paths.mailbox / "incoming", item_id, idea_names))
    return waiting or _newest(_refused(paths.mailbox / "failed", item_id, idea_names))


def _waiting(folder: Path, item_id: str, idea_names: frozenset[str]) -> Iterator[MailedAdd]:
    for path, text in _naming(folder, item_id):
        with suppress(ProtocolError):
            envelope = parse(MailboxEnvelope, text, path.name)
            kind = _kind_adding(envelope, item_id, idea_names)
            if kind is not None:
                yield MailedAdd(
                    kind=kind,
                    state=ItemState.MAILBOX,
                    path=path,
                    at=envelope.issued_at,
                    request_hash=_request_hash(envelope),
                )


def _refused(folder: Path, item_id: str, idea_names: frozenset[str]) -> Iterator[MailedAdd]:
    for path, text in _naming(folder, item_id):
        with suppress(ProtocolError):
            archive = parse(MailboxArchive, text, path.name)
            if archive.envelope is None:
                continue
            kind = _kind_adding(archive.envelope, item_id, idea_names)
            if kind is not None:
                yield MailedAdd(
                    kind=kind,
                    state=ItemState.REFUSED,
                    path=path,
                    at=archive.archived_at,
                    request_hash=_request_hash(archive.envelope),
                    detail=archive.error or "the daemon refused it without a reason",
                )


def _newest(found: Iterator[MailedAdd]) -> MailedAdd | None:
    return max(found, key=lambda add: add.at, default=None)


def _naming(folder: Path, item_id: str) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in entries:
        if not path.name.endswith(_WAITING):
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # the daemon just moved it on
        if item_id in text:
            yield path, text


def _kind_adding(
    envelope: MailboxEnvelope, item_id: str, idea_names: frozenset[str]
) -> IntakeKind | None:
    kind = _KINDS.get(envelope.command)
    document = envelope.payload.document
    match kind:
        case IntakeKind.TASK:
            named = document is not None and document.task_id == item_id
        case IntakeKind.PROBE:
            named = document is not None and document.probe_id == item_id
        case IntakeKind.IDEA:
            named = envelope.payload.source_name in idea_names
        case None:
            named = False
    return kind if named else None


def _request_hash(envelope: MailboxEnvelope) -> str | None:
    payload = envelope.payload
    if payload.document is not None:
        return request_hash_in_references(payload.document.references)
    return request_hash_in(payload.markdown or "")
