"""The caller's checks of items that Millrace's evidence proves: one run for all calls that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial

from millracer.cancellation import Cancelled
from millracer.domain.run.completion import Verdict
from millracer.logs import with_log_ids

#: Names the checks of an item: its workspace and its id.
ItemKey = tuple[str, str]
_END_SECONDS = 10.0


class ItemChecks:
    """Runs the checks of items in threads of the server; thread-safe.

    Checks may take longer than a call. A call that ends before them leaves them running, and a
    later call receives their verdict. Each verdict is returned by the calls that wait for it, and
    the next call runs the checks again: what counts is the state of the files then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[ItemKey, tuple[Future[Verdict], threading.Thread]] = {}

    def judge(
        self, key: ItemKey, run_checks: Callable[[], Verdict], seconds: float
    ) -> Verdict | None:
        """Return the verdict on an item with its checks; None if they run longer than that.

        Args:
            key: the item.
            run_checks: runs the checks and judges; called unless this is under way.
            seconds: how long to wait.

        Raises:
            Exception: a bug in `run_checks`.
        """
        with self._lock:
            if key not in self._running:
                self._running[key] = _start(run_checks)
            future, _ = self._running[key]
        wait((future,), timeout=seconds)
        if not future.done():
            return None
        with self._lock:
            if self._running.get(key, (None, None))[0] is future:
                del self._running[key]
        try:
            return future.result()
        except Cancelled:  # the server ends
            return None

    def await_end(self) -> None:
        """Wait, for a limited time, until the checks have ended after the server's cancellation."""
        limit = time.monotonic() + _END_SECONDS
        with self._lock:
            threads = [thread for _, thread in self._running.values()]
        for thread in threads:
            thread.join(max(0.0, limit - time.monotonic()))


def _start(run_checks: Callable[[], Verdict]) -> tuple[Future[Verdict], threading.Thread]:
    future: Future[Verdict] = Future()
    thread = threading.Thread(
        target=with_log_ids(partial(_perform, future, run_checks)), name="checks"
    )
    thread.start()
    return future, thread


def _perform(future: Future[Verdict], run_checks: Callable[[], Verdict]) -> None:
    try:
        future.set_result(run_checks())
    except BaseException as error:  # noqa: BLE001 - a waiting call raises it
        future.set_exception(error)
