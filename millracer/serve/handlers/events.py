"""Stream the events of one item from its log, and its result as the last frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, closing

from millracer.domain.event_log import Cursor
from millracer.operations.stream.frames import Frames, FrameType
from millracer.ports.event_log import LogReader, LogRole
from millracer.schemas.ops.frame import EventFrame, render_stored
from millracer.serve.changes import Subscription
from millracer.serve.handlers.call import Call, unusable
from millracer.serve.handlers.found_item import find_item_id
from millracer.serve.item_watches import ItemWatch
from millracer.serve.service import Service
from millracer.serve.streams import (
    HEARTBEAT_SECONDS,
    Encoder,
    StreamResponse,
    media_type_of,
    sleep_until,
)
from millracer.serve.workspaces import ServedWorkspace
from millracer.wiring import SystemClock

#: About so much of the log is sent at once.
_BATCH_BYTES = 128 * 1024


async def stream_events(call: Call) -> StreamResponse:
    """Stream the events after a cursor.

    Raises:
        Refusal: there is no such item, or there are too many streams.
    """
    service = call.service
    service.streams.refuse_if_full()
    after = _cursor(call)
    item_id = await find_item_id(call)
    media_type = media_type_of(call.request)
    stream = _ItemStream(
        service,
        call.workspace,
        item_id,
        after,
        Encoder(media_type),
        with_workspace=call.query.with_ is not None,
    )
    return StreamResponse(service.streams, stream.chunks(), media_type)


def _cursor(call: Call) -> Cursor | None:
    field, text = "Last-Event-ID", call.request.headers.get("last-event-id")
    if not text:
        field, text = "after", call.query.after
    if not text:
        return None
    try:
        return Cursor.parse(text)
    except ValueError as error:
        raise unusable(field, str(error)) from error


class _ItemStream:
    """One stream of an item's events."""

    def __init__(  # noqa: PLR0913 - the parts of a request
        self,
        service: Service,
        workspace: ServedWorkspace,
        item_id: str,
        after: Cursor | None,
        encoder: Encoder,
        *,
        with_workspace: bool,
    ) -> None:
        self._service = service
        self._workspace = workspace
        self._item_id = item_id
        self._after = after
        self._encoder = encoder
        self._with_workspace = with_workspace
        self._emitted: list[EventFrame] = []
        self._frames = Frames(
            item_id, self._emitted.append, SystemClock(), item_id=item_id, after=after
        )
        self._woken = asyncio.Event()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the stream in parts: stored events are read as the client takes them."""
        service, encoder = self._service, self._encoder
        with ExitStack() as held:
            logs = service.operations.event_logs(self._workspace)
            reader = held.enter_context(closing(logs.read(self._item_id, self._after)))
            watch = held.enter_context(
                service.watches.watching(self._workspace, self._item_id, self._woken)
            )
            held.enter_context(service.until_stop(self._woken))
            changes = None
            if self._with_workspace:
                changes = held.enter_context(service.changes.subscribed(self._woken))
            head = reader.head
            role = None if head is None else LogRole.OBSERVER
            self._frames.opened(head=head, role=role)
            yield encoder.opening + self._taken()
            while True:
                result, is_stopping = watch.result, service.stopping.is_set()
                chunk = self._read(reader, watch, changes)
                if chunk:
                    yield chunk
                    if result is not None or is_stopping or len(chunk) >= _BATCH_BYTES:
                        await asyncio.sleep(0)
                        continue
                elif result is not None:
                    self._frames.result(result)
                    yield self._taken()
                    return
                elif is_stopping:
                    self._frames.transient(FrameType.STREAM_CLOSING, "the server stops", {})
                    yield self._taken()
                    return
                if not await sleep_until(self._woken, HEARTBEAT_SECONDS):
                    yield self._heartbeat()

    def _read(self, reader: LogReader, watch: ItemWatch, changes: Subscription | None) -> bytes:
        """Return the new events."""
        batch = reader.read(at_most=_BATCH_BYTES)
        parts: list[bytes] = []
        if changes is not None and self._workspace.key in changes.keys:
            self._frames.transient(
                FrameType.WORKSPACE_CHANGED,
                "the workspace changed",
                {"workspace": self._workspace.key},
            )
            parts.append(self._taken())
        if changes is not None:
            changes.keys.clear()
        if batch.reset is not None:
            self._frames.reset(batch.reset)
            parts.append(self._taken())
        for event in batch.events:
            key = (event.cursor, self._encoder.is_sse)
            known = watch.frames.get(key)
            if known is None:
                line = render_stored(event, self._item_id, self._item_id)
                known = self._encoder.encode(line, event.type, str(event.cursor))
                watch.keep_frame(key, known)
            self._frames.pass_over(event.cursor)
            parts.append(known)
        return b"".join(parts)

    def _heartbeat(self) -> bytes:
        if self._encoder.heartbeat is not None:
            return self._encoder.heartbeat
        self._frames.transient(FrameType.HEARTBEAT, "no news", {})
        return self._taken()

    def _taken(self) -> bytes:
        encoded = b"".join(map(self._encoder.frame, self._emitted))
        self._emitted.clear()
        return encoded
