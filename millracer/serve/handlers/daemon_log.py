"""Show the output of the last daemon that Millracer started, or stream it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from functools import partial

from starlette.responses import PlainTextResponse, Response

from millracer.operations.stream.frames import FrameType
from millracer.redaction.process import redact
from millracer.serve.handlers.call import Call, unusable
from millracer.serve.streams import SSE, Encoder, StreamResponse
from millracer.wiring import open_daemon_log

#: So much of the log is shown, and sent at once.
_WINDOW_BYTES = 64 * 1024
_POLL_SECONDS = 0.5
_HEARTBEAT_POLLS = 30
_POSITION_HEADER = "X-Log-Position"


async def show_log(call: Call) -> Response | StreamResponse:
    """Return the end of the log, or what follows a position; as a stream, also what comes later.

    Raises:
        Refusal: the position cannot be used, or there are too many streams.
    """
    field, after = "Last-Event-ID", call.request.headers.get("last-event-id")
    if not after:
        field, after = "after", call.query.after
    log = open_daemon_log(call.workspace.path)
    try:
        part = await call.service.threads.call(partial(log.read, after or None, _WINDOW_BYTES))
    except ValueError as error:
        raise unusable(field, str(error)) from error
    if SSE in call.request.headers.get("accept", ""):
        call.service.streams.refuse_if_full()
        return StreamResponse(call.service.streams, _chunks(call, after or None), SSE)
    if part is None:
        return PlainTextResponse("")
    return PlainTextResponse(redact(part.text), headers={_POSITION_HEADER: part.position})


async def _chunks(call: Call, after: str | None) -> AsyncGenerator[bytes, None]:
    service, encoder = call.service, Encoder(SSE)
    log = open_daemon_log(call.workspace.path)
    quiet = 0
    yield encoder.opening + encoder.encode("{}", FrameType.STREAM_OPENED, None)
    while not service.stopping.is_set():
        part = await service.threads.call(partial(log.read, after, _WINDOW_BYTES))
        if part is not None and not part.continues and after is not None:
            yield encoder.encode(json.dumps({"reason": "rotated"}), FrameType.STREAM_RESET, None)
        if part is not None:
            after = part.position
        if part is not None and part.text:
            quiet = 0
            text = json.dumps({"text": redact(part.text)})
            yield encoder.encode(text, "log.text", part.position)
            continue
        quiet += 1
        if quiet % _HEARTBEAT_POLLS == 0 and encoder.heartbeat is not None:
            yield encoder.heartbeat
        await asyncio.sleep(_POLL_SECONDS)
    yield encoder.encode("{}", FrameType.STREAM_CLOSING, None)
