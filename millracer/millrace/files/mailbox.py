"""The mailbox of a daemon: find add commands, one item's or all that wait; withdraw commands.

A command is in `incoming` (as `.json`, or `.json.claimed` while the daemon executes it) until the
daemon moves it to `processed` or `failed`. Only `incoming` and `failed` are searched for adds: an
item whose add was processed is in the queue or the inbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import CommandReply, CommandState
from millracer.errors import ProtocolError
from millracer.millrace.files.folders import is_there
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.intake.fields import request_hash_in, request_hash_in_references
from millracer.millrace.wire.json_documents import (
    AddedDocument,
    MailboxArchive,
    MailboxEnvelope,
    parse,
)
from millracer.system.files import read_regular, read_regular_text

_CLAIMED = ".claimed"
_WAITING = (".json", f".json{_CLAIMED}")
_KINDS = {"task": IntakeKind.TASK, "probe": IntakeKind.PROBE, "idea": IntakeKind.IDEA}
_IDEA = "idea"
_STOP = "stop"
_WITHOUT_REASON = "the daemon refused it without a reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedAdd:
    """An add command that names the item: waiting (`MAILBOX`) or refused (`REFUSED`)."""

    kind: IntakeKind
    state: ItemState
    path: Path
    at: datetime
    request_hash: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingAdd:
    """An add command that no daemon has executed yet.

    Attributes:
        work_kind: the kind of the item: task, probe, spec or idea.
        name: the item's id, or an idea's file name.
        text: an idea's text.
        title: the item's title, None for an idea.
    """

    work_kind: str
    name: str
    path: Path
    at: datetime
    request_hash: str | None
    text: str | None = None
    title: str | None = None

    @property
    def still_waits(self) -> bool:
        """Whether the command is still in `incoming`, claimed or not."""
        path = self.path.with_name(self.path.name.removesuffix(_CLAIMED))
        return is_there(path) or is_there(path.with_name(path.name + _CLAIMED))


def waiting_adds(paths: WorkspacePaths) -> Iterator[WaitingAdd]:
    """Yield every waiting add command; those that Millrace cannot execute either are skipped."""
    for path, text in _read_commands(paths.mailbox / "incoming"):
        with suppress(ProtocolError):
            envelope = parse(MailboxEnvelope, text, path.name)
            work_kind, name = _identify_added(envelope)
            if name is not None and PurePath(name).name == name:
                document = envelope.payload.document
                yield WaitingAdd(
                    work_kind=work_kind,
                    name=name,
                    path=path,
                    at=envelope.issued_at,
                    request_hash=_find_request_hash(envelope),
                    text=envelope.payload.markdown,
                    title=None if document is None else document.title,
                )


def find_add(paths: WorkspacePaths, item_id: str, idea_names: frozenset[str]) -> MailedAdd | None:
    """Return the item's waiting add command, else the newest one the daemon refused."""
    waiting = _find_newest(_find_waiting(paths.mailbox / "incoming", item_id, idea_names))
    return waiting or _find_newest(_find_refused(paths.mailbox / "failed", item_id, idea_names))


def find_reply(paths: WorkspacePaths, command_id: str) -> CommandReply:
    """Return the state of a command; searches twice, in the direction in which commands move."""
    for _ in range(2):
        incoming = paths.mailbox / "incoming" / f"{command_id}.json"
        if is_there(incoming) or is_there(incoming.with_name(incoming.name + _CLAIMED)):
            return CommandReply(state=CommandState.WAITING)
        if is_there(paths.mailbox / "processed" / incoming.name):
            return CommandReply(state=CommandState.CARRIED_OUT)
        failed = paths.mailbox / "failed" / incoming.name
        with suppress(OSError, ProtocolError):
            archive = parse(MailboxArchive, read_regular(failed), failed.name)
            detail = archive.error or _WITHOUT_REASON
            return CommandReply(state=CommandState.REFUSED, detail=detail)
    return CommandReply(state=CommandState.UNKNOWN)


def withdraw(paths: WorkspacePaths, command_id: str) -> bool:
    """Withdraw a command that no daemon has claimed; return whether it was still waiting.

    A command that remains in the mailbox reaches the next daemon.
    """
    try:
        (paths.mailbox / "incoming" / f"{command_id}.json").unlink()
    except OSError:
        return False
    return True


def withdraw_stops(paths: WorkspacePaths) -> None:
    """Withdraw every `stop` that waits; call while no daemon runs.

    Each was meant for a daemon that ended before it read the command. The next daemon would obey.
    """
    for path, text in _read_commands(paths.mailbox / "incoming"):
        with suppress(ProtocolError, OSError):
            if parse(MailboxEnvelope, text, path.name).command == _STOP:
                path.unlink()


def _find_waiting(folder: Path, item_id: str, idea_names: frozenset[str]) -> Iterator[MailedAdd]:
    for path, text in _commands_naming(folder, item_id):
        with suppress(ProtocolError):
            envelope = parse(MailboxEnvelope, text, path.name)
            kind = _match_kind(envelope, item_id, idea_names)
            if kind is not None:
                yield MailedAdd(
                    kind=kind,
                    state=ItemState.MAILBOX,
                    path=path,
                    at=envelope.issued_at,
                    request_hash=_find_request_hash(envelope),
                )


def _find_refused(folder: Path, item_id: str, idea_names: frozenset[str]) -> Iterator[MailedAdd]:
    for path, text in _commands_naming(folder, item_id):
        with suppress(ProtocolError):
            archive = parse(MailboxArchive, text, path.name)
            if archive.envelope is None:
                continue
            kind = _match_kind(archive.envelope, item_id, idea_names)
            if kind is not None:
                yield MailedAdd(
                    kind=kind,
                    state=ItemState.REFUSED,
                    path=path,
                    at=archive.archived_at,
                    request_hash=_find_request_hash(archive.envelope),
                    detail=archive.error or _WITHOUT_REASON,
                )


def _find_newest(found: Iterator[MailedAdd]) -> MailedAdd | None:
    return max(found, key=lambda add: add.at, default=None)


def _commands_naming(folder: Path, item_id: str) -> Iterator[tuple[Path, str]]:
    return ((path, text) for path, text in _read_commands(folder) if item_id in text)


def _read_commands(folder: Path) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if not path.name.endswith(_WAITING):
            continue
        try:
            yield path, read_regular_text(path)
        except OSError:
            continue  # the daemon has just moved it


def _match_kind(
    envelope: MailboxEnvelope, item_id: str, idea_names: frozenset[str]
) -> IntakeKind | None:
    work_kind, name = _identify_added(envelope)
    named = name in idea_names if work_kind == _IDEA else name == item_id
    return _KINDS.get(work_kind) if named else None


def _identify_added(envelope: MailboxEnvelope) -> tuple[str, str | None]:
    """Return the kind of the added item and its id, or an idea's file name."""
    work_kind = envelope.command.removeprefix("add_")
    if work_kind == _IDEA:
        return work_kind, envelope.payload.source_name
    document = envelope.payload.document or AddedDocument()
    ids = {"task": document.task_id, "probe": document.probe_id, "spec": document.spec_id}
    return work_kind, ids.get(work_kind)


def _find_request_hash(envelope: MailboxEnvelope) -> str | None:
    payload = envelope.payload
    if payload.document is not None:
        return request_hash_in_references(payload.document.references)
    return request_hash_in(payload.markdown or "")
