"""Watch items for streams: one observing watch per item, however many clients read its events."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.checks import NO_CHECKS
from millracer.domain.event_log import Cursor
from millracer.domain.operations import OperationName
from millracer.domain.requests import Finalizer
from millracer.domain.run.outcome import Outcome
from millracer.errors import MillracerError
from millracer.operations.context import prepare_task
from millracer.operations.registry import fail, perform
from millracer.schemas.run.document import RunResultDocument
from millracer.serve.operations import ServerOperations
from millracer.serve.runs import ServerRuns
from millracer.serve.workspaces import ServedWorkspace
from millracer.wiring import new_request_id

#: A watch for streams has no time limit of its own.
_NO_LIMIT_SECONDS = 1e9
_READ_SECONDS = 1.0
#: How long the process that runs an ended item may take to write its last events.
_WRITER_SECONDS = 60.0
_POLL_SECONDS = 0.1
#: Encoded frames that are kept, which all clients of the item share.
_KEPT_FRAMES = 512

#: The cursor of a stored event, and whether its frame is a server-sent event.
FrameKey = tuple[Cursor, bool]


class ItemWatch:
    """The watch of one item for its streams.

    Attributes:
        result: the result of the item; None while it is live.
        frames: the encoded frames of the stored events that were sent last.
    """

    def __init__(self) -> None:
        self.result: RunResultDocument | None = None
        self.frames: OrderedDict[FrameKey, bytes] = OrderedDict()
        self.cancellation = Cancellation()
        self.listeners: set[asyncio.Event] = set()

    def keep_frame(self, key: FrameKey, frame: bytes) -> None:
        """Keep an encoded frame for the other clients."""
        self.frames[key] = frame
        while len(self.frames) > _KEPT_FRAMES:
            self.frames.popitem(last=False)

    def wake(self) -> None:
        """Wake the streams; called in the event loop."""
        for each in self.listeners:
            each.set()


class ItemWatches:
    """The watches of a server; belongs to one event loop.

    Args:
        operations: performs the watches.
        runs: the runs of the server, whose checks decide as well.
    """

    def __init__(self, operations: ServerOperations, runs: ServerRuns) -> None:
        self._operations = operations
        self._runs = runs
        self._watches: dict[tuple[str, str], ItemWatch] = {}

    @contextmanager
    def watching(
        self, workspace: ServedWorkspace, item_id: str, woken: asyncio.Event
    ) -> Iterator[ItemWatch]:
        """Watch an item within the block; `woken` is set when its log or its state changed."""
        key = (workspace.path, item_id)
        watch = self._watches.get(key)
        if watch is None or watch.result is not None:
            watch = self._watches[key] = ItemWatch()
            self._start(workspace, item_id, watch)
        watch.listeners.add(woken)
        try:
            yield watch
        finally:
            watch.listeners.discard(woken)
            if not watch.listeners:
                watch.cancellation.cancel(CancelReason.INTERRUPTED)
                if self._watches.get(key) is watch:
                    del self._watches[key]

    def _start(self, workspace: ServedWorkspace, item_id: str, watch: ItemWatch) -> None:
        loop = asyncio.get_running_loop()

        def tail() -> None:
            wait = Wait(watch.cancellation)
            with (
                suppress(Cancelled, RuntimeError),  # the loop is closed
                closing(self._operations.event_logs(workspace).read(item_id)) as reader,
            ):
                while True:
                    reader.sleep(_READ_SECONDS, wait)
                    loop.call_soon_threadsafe(watch.wake)

        def observe() -> None:
            with suppress(Cancelled, RuntimeError):
                document = self._observe(workspace, item_id, watch)
                self._await_writer(workspace, item_id, watch)
                wait = Wait(watch.cancellation)
                checked = self._runs.checked_result(workspace, item_id, wait)

                def settle() -> None:
                    watch.result = checked or document
                    watch.wake()

                loop.call_soon_threadsafe(settle)

        for work in (tail, observe):
            threading.Thread(target=work, name="item watch", daemon=True).start()

    def _observe(
        self, workspace: ServedWorkspace, item_id: str, watch: ItemWatch
    ) -> RunResultDocument:
        """Return the result of the item, as `watch --observe` does; nothing is written.

        No checks run: those of a run of this server have run already.

        Raises:
            Cancelled: no stream reads it any more, or the server stops.
        """
        options = self._operations.options.with_values(daemon_timeout_seconds=_NO_LIMIT_SECONDS)
        context = self._operations.context(
            workspace, options=options, cancellation=watch.cancellation
        )
        request_id = new_request_id()
        try:
            prepared = prepare_task("", request_id, workspace.place, options, resume=item_id)
        except MillracerError as error:
            failed: RunResultDocument = fail(OperationName.WATCH, error, request_id).result
            return failed
        request = replace(
            prepared.request, observe=True, finalizer=Finalizer.SUMMARY, checks=NO_CHECKS
        )
        observed = replace(prepared, request=request)
        document: RunResultDocument = perform(
            OperationName.WATCH, observed, context, request_id
        ).result
        if document.outcome == Outcome.CANCELLED:
            watch.cancellation.raise_if_cancelled()
        return document

    def _await_writer(self, workspace: ServedWorkspace, item_id: str, watch: ItemWatch) -> None:
        """Let the process that runs the item write the end of its attempt."""
        logs = self._operations.event_logs(workspace)
        Wait(watch.cancellation).within(_WRITER_SECONDS).until(
            lambda: not logs.has_writer(item_id), every=_POLL_SECONDS
        )
