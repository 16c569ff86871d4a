"""The stream of a request that failed before its work: its first and its last frame."""

from __future__ import annotations

from millracer.operations.stream.frames import Frames
from millracer.ports import Clock
from millracer.schemas.base import Published, render_line
from millracer.schemas.ops.frame import EventFrame


def render_failure(document: Published, clock: Clock) -> str:
    """Return the frames of a failure, one a line.

    Args:
        document: the document of the failure.
        clock: the time of the frames.
    """
    emitted: list[EventFrame] = []
    Frames(getattr(document, "request_id", None), emitted.append, clock).result(document)
    return "\n".join(map(render_line, emitted))
