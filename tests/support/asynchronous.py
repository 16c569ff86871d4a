"""Run a coroutine where the thread may have an event loop already, as Playwright's has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run_apart(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end in a thread of its own."""
    with ThreadPoolExecutor(1, "coroutine") as pool:
        return pool.submit(asyncio.run, coroutine).result()
