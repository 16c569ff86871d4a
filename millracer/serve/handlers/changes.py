"""Stream the changes of all workspaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from millracer.operations.stream.frames import Frames, FrameType
from millracer.schemas.ops.frame import EventFrame
from millracer.serve.handlers.call import Call
from millracer.serve.service import Service
from millracer.serve.streams import (
    HEARTBEAT_SECONDS,
    Encoder,
    StreamResponse,
    media_type_of,
    sleep_until,
)
from millracer.wiring import SystemClock

_REQUEST_ID = "changes"


async def stream_changes(call: Call) -> StreamResponse:
    """Stream a frame for each change.

    Raises:
        Refusal: there are too many streams.
    """
    call.service.streams.refuse_if_full()
    media_type = media_type_of(call.request)
    chunks = _chunks(call.service, Encoder(media_type))
    return StreamResponse(call.service.streams, chunks, media_type)


async def _chunks(service: Service, encoder: Encoder) -> AsyncGenerator[bytes, None]:
    emitted: list[EventFrame] = []
    frames = Frames(_REQUEST_ID, emitted.append, SystemClock())
    woken = asyncio.Event()

    def taken() -> bytes:
        encoded = b"".join(map(encoder.frame, emitted))
        emitted.clear()
        return encoded

    with (
        service.changes.subscribed(woken) as changes,
        service.until_stop(woken),
    ):
        frames.opened()
        yield encoder.opening + taken()
        while not service.stopping.is_set():
            if changes.is_server_changed:
                changes.is_server_changed = False
                frames.transient(FrameType.SERVER_CHANGED, "the workspaces changed", {})
            for key in sorted(changes.keys):
                frames.transient(
                    FrameType.WORKSPACE_CHANGED, "the workspace changed", {"workspace": key}
                )
            changes.keys.clear()
            if emitted:
                yield taken()
            if not await sleep_until(woken, HEARTBEAT_SECONDS):
                if encoder.heartbeat is not None:
                    yield encoder.heartbeat
                else:
                    frames.transient(FrameType.HEARTBEAT, "no news", {})
        frames.transient(FrameType.STREAM_CLOSING, "the server stops", {})
        yield taken()
