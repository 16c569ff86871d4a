"""What all requests of one server share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from millracer.domain.operations import OperationName
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.registry import perform
from millracer.serve.changes import Changes
from millracer.serve.errors import Refusal
from millracer.serve.item_watches import ItemWatches
from millracer.serve.kept_board import KeptEntries
from millracer.serve.operations import ServerOperations
from millracer.serve.runs import ServerRuns
from millracer.serve.streams import Streams
from millracer.serve.threads import Threads
from millracer.serve.workspaces import ServedWorkspace, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The shared state of a server; make it in its event loop.

    Attributes:
        read_only: whether requests change nothing.
        stopping: set when the server stops.
    """

    operations: ServerOperations
    workspaces: Workspaces
    runs: ServerRuns
    changes: Changes
    watches: ItemWatches
    read_only: bool
    started_at: datetime
    threads: Threads = field(default_factory=Threads)
    streams: Streams = field(default_factory=Streams)
    board: KeptEntries = field(default_factory=KeptEntries)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _woken_by_stop: set[asyncio.Event] = field(default_factory=set)

    def stop(self) -> None:
        """End the streams, and refuse new work; called in the event loop."""
        self.stopping.set()
        for each in self._woken_by_stop:
            each.set()

    @contextmanager
    def until_stop(self, woken: asyncio.Event) -> Iterator[None]:
        """Set an event when the server stops, within the block."""
        self._woken_by_stop.add(woken)
        try:
            yield
        finally:
            self._woken_by_stop.discard(woken)

    async def perform(
        self,
        name: OperationName,
        request: object,
        context: OperationContext,
        request_id: str | None = None,
    ) -> Answer[Any]:
        """Perform an operation in a thread.

        Raises:
            Exception: a bug.
        """
        return await self.threads.call(partial(perform, name, request, context, request_id))

    async def find_workspace(self, name: str) -> ServedWorkspace:
        """Return the workspace that a path of the API names.

        Raises:
            Refusal: it is not served.
        """
        return await self.threads.call(partial(self.workspaces.find, name))

    def refuse_while_stopping(self) -> None:
        """Refuse a request that would begin work while the server stops.

        Raises:
            Refusal: it stops.
        """
        if self.stopping.is_set():
            raise stopping()


def stopping() -> Refusal:
    """Return the refusal of a server that stops."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the server stops",
        "start it again with `millracer serve`",
        code="server_stopping",
    )
