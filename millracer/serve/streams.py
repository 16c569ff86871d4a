"""Event streams over HTTP: server-sent events, or one frame a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from millracer.schemas.base import render_line
from millracer.schemas.ops.frame import EventFrame
from millracer.serve.errors import Refusal

#: The most streams at once.
MOST_STREAMS = 100
_RETRY_AFTER_SECONDS = 5
#: A stream without news sends a sign of life this often.
HEARTBEAT_SECONDS = 15.0

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


class Streams:
    """The open streams of a server."""

    def __init__(self) -> None:
        self._open = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count one stream within the block.

        Raises:
            Refusal: there are too many.
        """
        self.refuse_if_full()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def refuse_if_full(self) -> None:
        """Refuse one more stream if there are too many.

        Raises:
            Refusal: there are too many.
        """
        if self._open >= MOST_STREAMS:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the server has {MOST_STREAMS} open streams, and no more at once",
                "close some of them, and try again later",
                headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
                code="too_many_streams",
            )


def media_type_of(request: Request) -> str:
    """Return the media type of a stream: frames a line if the client accepts only those."""
    accepted = request.headers.get("accept", "")
    return NDJSON if NDJSON in accepted and SSE not in accepted else SSE


class Encoder:
    """Encodes the frames of one stream.

    Args:
        media_type: `SSE` or `NDJSON`.
    """

    def __init__(self, media_type: str) -> None:
        self.is_sse = media_type == SSE

    def frame(self, frame: EventFrame) -> bytes:
        """Return a frame on the wire."""
        return self.encode(render_line(frame), frame.event_type, frame.cursor)

    def encode(self, data: str, event_type: str, position: str | None) -> bytes:
        """Return one event with a text of one line.

        Args:
            data: the text.
            event_type: the type of the event.
            position: the id to continue after; None for an event that is not stored.
        """
        if not self.is_sse:
            return f"{data}\n".encode()
        name = event_type
        if not name.isprintable():
            name = "".join(filter(str.isprintable, event_type))
        identity = "" if position is None else f"id: {position}\n"
        return f"{identity}event: {name}\ndata: {data}\n\n".encode()

    @property
    def opening(self) -> bytes:
        """The beginning of a stream."""
        return b"retry: 1000\n\n" if self.is_sse else b""

    @property
    def heartbeat(self) -> bytes | None:
        """A sign of life; None where a frame must be one."""
        return b": no news\n\n" if self.is_sse else None


async def sleep_until(woken: asyncio.Event, seconds: float) -> bool:
    """Wait for an event and clear it; return whether it came within the time."""
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return False
    woken.clear()
    return True


class StreamResponse:
    """The answer with a stream, as an ASGI application.

    Args:
        streams: counts it.
        chunks: the parts of the stream; closed at its end, also if the client leaves.
        media_type: its media type.
    """

    def __init__(
        self, streams: Streams, chunks: AsyncGenerator[bytes, None], media_type: str
    ) -> None:
        self._streams = streams
        self._chunks = chunks
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream until it ends or the client leaves.

        Raises:
            Refusal: there are too many streams; nothing was sent.
        """
        with self._streams.opened():
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", f"{self._media_type}; charset=utf-8".encode()),
            (b"x-accel-buffering", b"no"),
        ]
        async with aclosing(self._chunks):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_await_leave(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                for task in (sending, leaving):
                    with suppress(asyncio.CancelledError):
                        await task

    async def _send(self, send: Send) -> None:
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _await_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
