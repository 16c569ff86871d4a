"""Read the transcript of a stage: pi's event stream, else its last message or error output.

Millrace writes them when the stage ends. Of a stage that succeeded it keeps the event stream only
with `event_log_policy = "full"` below `[runners.pi]` in `millrace.toml`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from millracer.domain.work.stages import StageReport
from millracer.domain.work.transcript import EntryKind, Transcript, TranscriptEntry
from millracer.millrace.wire.json_documents import Theirs
from millracer.system.files import open_regular

#: The newest part of a larger file is read.
_LIMIT_BYTES = 32 * 1024 * 1024
#: Without an event stream, the end of the last message or of the error output is shown.
_LAST_CHARACTERS = 20_000
#: Arguments that describe a tool call best, the most informative first.
_INFORMATIVE = ("command", "path", "file_path", "pattern", "query", "url")


class _Part(Theirs, alias_generator=to_camel, populate_by_name=True):
    type: str
    id: str | None = None
    text: str | None = None
    name: str | None = None
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class _Message(Theirs, alias_generator=to_camel, populate_by_name=True):
    role: str
    content: str | tuple[_Part, ...] = ()
    error_message: str | None = None
    tool_call_id: str | None = None
    is_error: bool = False


class _Line(Theirs):
    type: str
    message: _Message | None = None


def read_transcript(root: Path, report: StageReport) -> Transcript:
    """Return a stage's transcript, an empty one if no file can be read.

    Args:
        root: the workspace, to which the report's paths are relative.
        report: the stage.
    """
    if report.transcript is not None:
        raw = _read(root / report.transcript)
        entries = tuple(_entries(raw))
        if entries:
            return Transcript(entries=entries, raw=raw, is_complete=True)
    for name, kind in ((report.stdout, EntryKind.TEXT), (report.stderr, EntryKind.ERROR)):
        last = "" if name is None else _read(root / name)
        if last.strip():
            entry = TranscriptEntry(kind=kind, text=last.strip()[-_LAST_CHARACTERS:])
            return Transcript(entries=(entry,), raw=last)
    return Transcript()


def _read(path: Path) -> str:
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - _LIMIT_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _entries(raw: str) -> Iterator[TranscriptEntry]:
    messages = list(_messages(raw))
    failed = {each.tool_call_id for each in messages if each.is_error}
    for message in messages:
        if message.role != "assistant":
            continue
        parts = message.content
        if isinstance(parts, str):
            parts = (_Part(type="text", text=parts),)
        for part in parts:
            if part.type == "text" and part.text and part.text.strip():
                yield TranscriptEntry(kind=EntryKind.TEXT, text=part.text.strip())
            elif part.type == "toolCall" and part.name:
                yield TranscriptEntry(
                    kind=EntryKind.TOOL,
                    text=_summary(part.arguments),
                    tool=part.name,
                    failed=part.id in failed,
                )
        if message.error_message:
            yield TranscriptEntry(kind=EntryKind.ERROR, text=message.error_message)


def _messages(raw: str) -> Iterator[_Message]:
    for line in raw.split("\n"):
        try:
            event = _Line.model_validate_json(line)
        except ValidationError:
            continue
        if event.type == "message_end" and event.message is not None:
            yield event.message


def _summary(arguments: dict[str, JsonValue]) -> str:
    informative = (arguments.get(name) for name in _INFORMATIVE)
    found = next((value for value in informative if isinstance(value, str)), None)
    return found or (json.dumps(arguments, ensure_ascii=False) if arguments else "")
