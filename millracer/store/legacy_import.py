"""Read the reference's `~/.millracer/sessions.json` as the reference does; it is never written.

The session store decides which of its sessions are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from millracer.domain.workspaces import RECENT_REQUESTS


class LegacyUnreadable(Exception):
    """The file does not have the reference's format; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacySession:
    """One session of the reference, which stores neither paths nor times.

    Attributes:
        recent_request_ids: each once, the newest last, at most `RECENT_REQUESTS`.
    """

    session_id: str
    client_name: str
    workspace_id: str | None
    mode: str | None
    recent_request_ids: tuple[str, ...]
    last_warning_codes: tuple[str, ...]


def legacy_sessions_file(environment: Mapping[str, str]) -> Path | None:
    """Return the path of the reference's sessions file, which need not exist.

    None without a home directory.
    """
    home = environment.get("HOME")
    try:
        return (Path(home) if home else Path.home()) / ".millracer" / "sessions.json"
    except RuntimeError:  # no HOME, and no entry in the user database
        return None


def read_legacy_sessions(path: Path) -> tuple[LegacySession, ...] | None:
    """Return the reference's sessions; None if the file does not exist.

    As in the reference, an empty file has no sessions, an entry that is not an object is skipped,
    and a field of the wrong type counts as absent.

    Raises:
        LegacyUnreadable: the file cannot be read, or does not have the reference's format.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LegacyUnreadable(error.strerror or str(error)) from error
    if not content.strip():
        return ()
    try:
        document = TypeAdapter[JsonValue](JsonValue).validate_json(content)
    except ValidationError as error:
        raise LegacyUnreadable("it is not JSON") from error
    sessions = document.get("sessions", {}) if isinstance(document, dict) else None
    if not isinstance(sessions, dict):
        raise LegacyUnreadable("it holds no sessions")
    return tuple(
        _session(session_id, fields)
        for session_id, fields in sessions.items()
        if session_id.strip() and isinstance(fields, dict)
    )


def _session(session_id: str, fields: dict[str, JsonValue]) -> LegacySession:
    requests = _texts(fields.get("recent_request_ids"))
    newest_last = tuple(reversed(dict.fromkeys(reversed(requests))))
    return LegacySession(
        session_id=session_id,
        client_name=_text(fields.get("client_name")) or session_id,
        workspace_id=_text(fields.get("selected_workspace_id")),
        mode=_text(fields.get("selected_mode")),
        recent_request_ids=newest_last[-RECENT_REQUESTS:],
        last_warning_codes=_texts(fields.get("last_warning_codes")),
    )


def _text(value: JsonValue) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(text for text in map(_text, value) if text is not None)
