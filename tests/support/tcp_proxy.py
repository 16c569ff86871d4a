"""A TCP proxy in a thread, which passes, cuts or stalls the connections of a fleet host."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

_PIECE = 65536
_POLL_SECONDS = 0.02


class Traffic(StrEnum):
    """What the proxy does with connections."""

    PASS = "pass"
    CUT = "cut"  #: all are closed, and new ones are refused
    STALL = "stall"  #: they stay open, and nothing arrives


class TcpProxy:
    """Listens on a port of 127.0.0.1 until the end of the block."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.traffic = Traffic.PASS
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(10)

    def set(self, traffic: Traffic) -> None:
        """Change what happens from now on."""
        self.traffic = traffic
        if traffic is Traffic.CUT:
            self._loop.call_soon_threadsafe(self._cut)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._socket)
        await self._ended.wait()
        server.close()
        self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        self._ended.set()

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._passed()
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except (OSError, ConnectionError):
            self._drop(writer)
            return
        self._writers.add(forth)
        await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await self._passed()
                writer.write(piece)
                await writer.drain()
        except (OSError, ConnectionError):
            pass
        finally:
            self._drop(writer)

    async def _passed(self) -> None:
        while self.traffic is Traffic.STALL:  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(_POLL_SECONDS)
        if self.traffic is Traffic.CUT:
            raise ConnectionError

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        with suppress(OSError, RuntimeError):
            writer.transport.abort()
