"""Blocking work beside the event loop, on daemon threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from millracer.logs import with_log_ids

_Value = TypeVar("_Value")

#: The most calls at once; further ones wait.
_AT_ONCE = 32


class Threads:
    """Runs blocking calls; a call that never returns keeps the process alive no longer."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def call(self, work: Callable[[], _Value]) -> _Value:
        """Return the result of a call in another thread.

        Raises:
            Exception: what the call raises.
        """
        async with self._free:
            return await call_in_thread(work)


async def call_in_thread(work: Callable[[], _Value]) -> _Value:
    """Return the result of a call in a new daemon thread; cancelling does not end the call."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Value] = loop.create_future()

    def settle(finish: Callable[[], None]) -> None:
        if not done.cancelled():
            finish()

    def run() -> None:
        try:
            finish = partial(done.set_result, work())
        except BaseException as error:  # noqa: BLE001 - raised in the loop's thread
            finish = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, finish)

    threading.Thread(target=with_log_ids(run), name="request", daemon=True).start()
    return await done
