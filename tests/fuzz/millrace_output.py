"""The parsers of what Millrace says and leaves: JSON, JSON lines, `key: value` text, tracebacks,
work documents.

The first byte says which parser reads the rest, by its place in `PARSERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from millracer.domain.requests import IntakeKind
from millracer.errors import ProtocolError
from millracer.millrace.commands.calls import refusal, useful_line
from millracer.millrace.commands.mode_aliases import resolve_alias
from millracer.millrace.commands.version import is_supported
from millracer.millrace.files import event_log
from millracer.millrace.intake.fields import request_hash_in
from millracer.millrace.intake.markdown import (
    UnreadableDocument,
    parse_document,
    parse_fields,
    parse_idea,
)
from millracer.millrace.wire import json_documents, state_files
from millracer.millrace.wire.json_documents import Theirs, parse, parse_object
from millracer.millrace.wire.text_output import (
    archived_at,
    archived_id,
    is_absent,
    is_duplicate,
    is_not_initialised,
    names_item,
    parse_item,
    parse_modes,
    parse_receipt,
    parse_runs,
)
from millracer.millrace.wire.traceback import is_broken_install
from millracer.system.processes import Completed

_LONGEST_LINE = 400


def check(data: bytes) -> None:
    """Hold one parser to its promise: a value, or its own error, which names what it is."""
    if not data:
        return
    names = tuple(PARSERS)
    PARSERS[names[data[0] % len(names)]](data[1:])


def _model(model: type[Theirs], data: bytes) -> None:
    try:
        value = parse(model, data, "it")
    except ProtocolError as exc:
        _ = exc.message.encode(), exc.raw.encode()
    else:
        assert parse(model, value.model_dump_json(), "its own dump") == value


def _status(data: bytes) -> None:
    with suppress(ProtocolError):
        whole = parse_object(data, "it")
        _model(json_documents.StatusDocument, data)
        assert all(isinstance(key, str) for key in whole)


def _event(data: bytes) -> None:
    _model(json_documents.EventLine, data)
    for event in map(event_log.runtime_event, event_log._events_in([data])):
        assert event.occurred_at.tzinfo is not None
        assert not (event.begins_stage and event.ends_stage)


def _words(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for read in (parse_item, parse_receipt, parse_modes):
        with suppress(ProtocolError):
            read(text)
    for run in parse_runs(text):
        assert "\n" not in run.run_id
    is_duplicate(text)
    is_absent(text)
    is_not_initialised(text)
    if is_supported(text):
        assert resolve_alias("no-alias", text) == "no-alias"
    names_item(text, "a")
    assert (archived_id(text) is None) == (archived_at(text) == "")


def _failure(data: bytes) -> None:
    stdout, _, stderr = data.decode("utf-8", "replace").partition("\0")
    completed = Completed(
        argv=("millrace", "queue", "ls"),
        exit_code=1,
        stdout=stdout,
        stderr=stderr,
        elapsed_seconds=0.0,
    )
    assert useful_line(completed).count("\n") == 0
    assert refusal(completed).message
    is_broken_install(stderr)


def _document(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert all(parse_idea(text, stem="idea-stem"))
    request_hash_in(text)
    with suppress(UnreadableDocument):
        fields = parse_fields(text)
        assert fields.heading
        for kind in (IntakeKind.TASK, IntakeKind.PROBE):
            with suppress(UnreadableDocument):
                assert parse_document(text, kind) == fields


#: Every parser by a name that its seeds have as well.
PARSERS: dict[str, Callable[[bytes], None]] = {
    "words": _words,
    "failure": _failure,
    "document": _document,
    "status": _status,
    "event": _event,
    "trace": partial(_model, json_documents.RunTrace),
    "mailbox": partial(_model, json_documents.MailboxEnvelope),
    "mailbox-archive": partial(_model, json_documents.MailboxArchive),
    "idea": partial(_model, json_documents.NormalizedIdea),
    "intervention": partial(_model, json_documents.Intervention),
    "invalid-artifact": partial(_model, json_documents.InvalidArtifact),
    "closure-target": partial(_model, json_documents.ClosureTarget),
    "lock": partial(_model, state_files.LockFile),
    "snapshot": partial(_model, state_files.Snapshot),
}
