"""Convert rows of the session store from and to domain values.

Text that UTF-8 cannot encode (a path or a request may contain lone surrogates) is stored as a blob
of the same bytes, so it is read back unchanged; secrets are not stored. A row that Millracer cannot
have written is `Corrupt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from millracer.domain.workspaces import RECENT_REQUESTS, RegisteredWorkspace, Selection, Session
from millracer.errors import StoreUnavailable
from millracer.redaction.process import redact
from millracer.store.connection import Corrupt

Row = tuple[object, ...]
Stored = str | bytes | None

_OTHER_PATH = "name the directory by another path, such as a symbolic link"


def stored_text(text: str) -> Stored:
    """Return the value to bind for a text; secrets in it are redacted."""
    text = redact(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def stored_optional(text: str | None) -> Stored:
    """Return the value to bind for a text that may be absent."""
    return None if text is None else stored_text(text)


def stored_path(path: str | None) -> Stored:
    """Return the value to bind for a path that may be absent.

    Raises:
        StoreUnavailable: the path contains a secret; redacted, it would be another path.
    """
    return None if path is None else _stored_whole(path, "path", _OTHER_PATH)


def stored_id(name: str) -> Stored:
    """Return the value to bind for the id of a workspace or a session that is to be stored.

    Raises:
        StoreUnavailable: the id contains a secret; redacted, it could equal another id.
    """
    return _stored_whole(name, "id", "choose an id without it")


def _stored_whole(text: str, kind: str, action: str) -> Stored:
    if redact(text) != text:
        raise StoreUnavailable(
            f"the session store keeps no secrets, and the {kind} contains one",
            suggested_action=action,
        )
    return stored_text(text)


def stored_moment(moment: datetime) -> str:
    """Return the value to bind for a moment."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def read_text(value: object) -> str:
    """Return a stored text."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Corrupt("a row holds bytes that are not text") from error
    if not isinstance(value, str):
        raise Corrupt("a row has no text in a text column")
    return value


def read_workspace(row: Row) -> RegisteredWorkspace:
    """Return the workspace of a row: id, path, name, mode, tags, whether it is the default."""
    workspace_id, root_path, display_name, default_mode, tags, is_default = row
    return RegisteredWorkspace(
        workspace_id=read_text(workspace_id),
        root_path=read_text(root_path),
        display_name=_optional(display_name),
        default_mode=_optional(default_mode),
        tags=_texts(tags),
        is_default=is_default == 1,
    )


def read_session(row: Row) -> Session:
    """Return the session of a row: id, client, selection (three), requests, warnings, times."""
    session_id, client_name, workspace_id, root_path, mode, requests, codes, *times = row
    created_at, updated_at = times
    selection = Selection(
        workspace_id=_optional(workspace_id), root_path=_optional(root_path), mode=_optional(mode)
    )
    nothing = Selection(workspace_id=None, root_path=None)
    return Session(
        session_id=read_text(session_id),
        client_name=read_text(client_name),
        selection=None if selection == nothing else selection,
        recent_request_ids=_texts(requests),
        last_warning_codes=_texts(codes),
        created_at=_moment(created_at),
        updated_at=_moment(updated_at),
    )


def _optional(value: object) -> str | None:
    return None if value is None else read_text(value)


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(read_text(value))
    except ValueError as error:
        raise Corrupt("a row has no time in a time column") from error
    if moment.tzinfo is None:
        raise Corrupt("a row has a time without a time zone")
    return moment


def stored_texts(texts: Iterable[str]) -> str:
    """Return the value to bind for a list of texts: JSON, escaped to ASCII."""
    return json.dumps([redact(text) for text in texts])


def stored_requests(known: object, added: Iterable[str]) -> str:
    """Return the value to bind for a session's last requests.

    Args:
        known: the stored value.
        added: the newest last; each request is stored once.
    """
    newest_first = dict.fromkeys(reversed([*_texts(known), *map(redact, added)]))
    return stored_texts(reversed(list(newest_first)[:RECENT_REQUESTS]))


def json_text(value: object) -> str | None:
    """Return a stored text as JSON; None if it is not a text."""
    with suppress(Corrupt):
        return json.dumps(read_text(value))
    return None


def _texts(value: object) -> tuple[str, ...]:
    try:
        texts = json.loads(read_text(value))
    except ValueError as error:
        raise Corrupt("a row has no JSON in a list column") from error
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Corrupt("a row has no list of texts in a list column")
    return tuple(texts)
