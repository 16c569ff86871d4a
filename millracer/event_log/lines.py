"""The lines of an event log: one JSON object each, ASCII, of at most 64 KiB.

`seq` is the first key, so that a line's number is found without parsing it. The first line of a
file has number 0 and names the epoch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from millracer.domain.event_log import Cursor, Event, EventType, LogEvent, Severity
from millracer.redaction.process import redact

LINE_LIMIT = 64 * 1024
#: A log that is larger was not written here.
LOG_LIMIT = 64 * 1024 * 1024
FORMAT = "millracer.events.v1"
_NUMBER = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,17}),"type":"')
#: Room for the other fields of a line whose texts are cut.
_TEXT_LIMIT = 2_000


def encode(number: int, event: Event) -> bytes:
    """Return an event's line, without secrets; a payload that is too long is left out."""
    line = _encode(number, event, event.message, event.payload)
    if len(line) > LINE_LIMIT:
        line = _encode(number, event, event.message[:_TEXT_LIMIT], {"is_cut": True})
    return line


def decode(line: bytes, epoch: str) -> LogEvent | None:
    """Return the event of a line; None if it is not one."""
    try:
        fields = json.loads(line)
        return LogEvent(
            cursor=Cursor(epoch, fields["seq"]),
            type=str(fields["type"]),
            at=datetime.fromisoformat(fields["at"]),
            message=str(fields["message"]),
            severity=_severity(fields["severity"]),
            payload=dict(fields["payload"]),
            key=fields.get("key"),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _severity(text: object) -> Severity:
    """Return a severity; one that is not known counts as information."""
    return Severity(str(text)) if text in set(Severity) else Severity.INFO


def number_of(line: bytes) -> int | None:
    """Return a line's number; None if the text does not begin as a line does."""
    found = _NUMBER.match(line)
    return None if found is None else int(found[1])


def epoch_of(line: bytes) -> str | None:
    """Return the epoch that the first line of a file names; None if it is another line."""
    event = decode(line, "")
    if event is None or event.type != EventType.LOG_OPENED or event.cursor.sequence != 0:
        return None
    epoch = event.payload.get("epoch")
    return epoch if isinstance(epoch, str) and _is_epoch(epoch) else None


def _is_epoch(text: str) -> bool:
    try:
        Cursor.parse(f"{text}-0")
    except ValueError:
        return False
    return True


def _encode(number: int, event: Event, message: str, payload: Mapping[str, object]) -> bytes:
    fields = {
        "type": str(event.type),
        "at": event.at.isoformat(),
        "severity": str(event.severity),
        "message": redact(message),
        "payload": _without_secrets(dict(payload)),
        **({} if event.key is None else {"key": event.key}),
    }
    text = json.dumps({"seq": number, **fields}, separators=(",", ":"), default=str)
    return f"{text}\n".encode("ascii")


def _without_secrets(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(name): _without_secrets(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, frozenset)):
        return [_without_secrets(each) for each in value]
    return value
