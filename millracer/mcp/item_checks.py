"""The caller's checks of items that Millrace's evidence proves: one run for all calls that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

from millracer.cancellation import Cancelled
from millracer.domain.run.completion import Verdict
from millracer.logs import with_log_ids

#: Names the checks of an item: its workspace and its id.
ItemKey = tuple[str, str]
_END_SECONDS = 10.0
#: How long a verdict that no call has received is kept; a client polls more often.
_KEPT_SECONDS = 300.0


class ItemChecks:
    """Runs the checks of items in threads of the server; thread-safe.

    Checks may take longer than a call. A call that ends before them leaves them running, and a
    later call receives their verdict. Each verdict is returned by the calls that wait for it, and
    the next call runs the checks again: what counts is the state of the files then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[ItemKey, _Run] = {}

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
            run = self._runs.get(key)
            if run is None or run.is_old:
                run = self._runs[key] = _Run(run_checks)
                run.thread.start()
        wait((run.verdict,), timeout=seconds)
        if not run.verdict.done():
            return None
        with self._lock:
            if self._runs.get(key) is run:
                del self._runs[key]
        try:
            return run.verdict.result()
        except Cancelled:  # the server ends
            return None

    def await_end(self) -> None:
        """Wait, for a limited time, until the checks have ended after the server's cancellation."""
        limit = time.monotonic() + _END_SECONDS
        with self._lock:
            threads = [run.thread for run in self._runs.values()]
        for thread in threads:
            thread.join(max(0.0, limit - time.monotonic()))


class _Run:
    """One run of the checks of an item."""

    def __init__(self, run_checks: Callable[[], Verdict]) -> None:
        self.verdict: Future[Verdict] = Future()
        self.thread = threading.Thread(target=with_log_ids(self._perform), name="checks")
        self._run_checks = run_checks
        self._ended_at = float("inf")

    @property
    def is_old(self) -> bool:
        """Whether it ended so long ago that its verdict no longer counts."""
        return time.monotonic() - self._ended_at > _KEPT_SECONDS

    def _perform(self) -> None:
        try:
            verdict = self._run_checks()
        except BaseException as error:  # noqa: BLE001 - a waiting call raises it
            self.verdict.set_exception(error)
        else:
            self.verdict.set_result(verdict)
        self._ended_at = time.monotonic()
