"""The options of event streams."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.event_log import Cursor
from millracer.errors import UsageError


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The requested stream; `after` is the last event that the reader has."""

    after: Cursor | None = None


def stream_options(*, is_wanted: bool, after: str | None = None) -> StreamOptions | None:
    """Return the requested stream, None if none is.

    Raises:
        UsageError: `after` is not a cursor, or there is no stream.
    """
    if not is_wanted:
        if after is None:
            return None
        raise UsageError(
            "--after needs --stream-json",
            suggested_action="add --stream-json, or leave --after out",
        )
    if after is None:
        return StreamOptions()
    try:
        return StreamOptions(Cursor.parse(after))
    except ValueError as error:
        raise UsageError(
            f"--after: {error}", suggested_action="pass the `cursor` of a frame"
        ) from error
