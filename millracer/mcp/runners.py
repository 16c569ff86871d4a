"""What runs the delegated items: a process of its own, or threads of this server."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from millracer.cancellation import Cancellation
from millracer.domain.operations import OperationName
from millracer.errors import MillracerError
from millracer.logs import with_log_ids
from millracer.mcp.context import operation_context
from millracer.operations.context import SelectedWorkspace, Tools, prepare_task
from millracer.operations.options import OptionLayers
from millracer.operations.registry import perform
from millracer.wiring import new_request_id, open_event_logs, start_watcher

_log = logging.getLogger(__name__)
_END_SECONDS = 30.0
#: How long a `millracer watch` may take on a busy machine until it writes the event log.
_START_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedRunner:
    """Runs each item with a `millracer watch` that outlives this server.

    Attributes:
        options: the further words of its command line.
    """

    options: Sequence[str] = ()
    _started: dict[tuple[str, str], float] = field(default_factory=dict)

    def run(self, place: SelectedWorkspace, item_id: str) -> None:
        """Start a process that runs an item, unless one does.

        Raises:
            MillracerError: it cannot be started, or its output cannot be stored.
        """
        if open_event_logs(place.root_path).has_writer(item_id):
            return
        words = (sys.executable, "-P", "-m", "millracer", "watch", item_id, "--quiet")
        start_watcher(place.root_path, item_id, (*words, "-w", place.root_path, *self.options))
        self._started[place.root_path, item_id] = time.monotonic()

    def is_starting(self, place: SelectedWorkspace, item_id: str) -> bool:
        """Whether a process for an item was started, and may not write its event log yet."""
        at = self._started.get((place.root_path, item_id))
        return at is not None and time.monotonic() - at < _START_SECONDS


class HereRunner:
    """Runs each item in a thread of this server, until the server ends.

    Args:
        tools: pi and Millrace.
        options: the options of the runs.
        cancellation: ends the runs.
    """

    def __init__(self, tools: Tools, options: OptionLayers, cancellation: Cancellation) -> None:
        self._tools = tools
        self._options = options
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._runs: dict[tuple[str, str], threading.Thread] = {}

    def run(self, place: SelectedWorkspace, item_id: str) -> None:
        """Run an item in a thread, unless this server does."""
        key = (place.root_path, item_id)
        with self._lock:
            thread = self._runs.get(key)
            if thread is not None and thread.is_alive():
                return
            thread = self._runs[key] = threading.Thread(
                target=with_log_ids(lambda: self._perform(place, item_id)), name="run", daemon=True
            )
            thread.start()

    def is_starting(self, place: SelectedWorkspace, item_id: str) -> bool:
        """Whether a thread runs an item."""
        thread = self._runs.get((place.root_path, item_id))
        return thread is not None and thread.is_alive()

    def await_end(self) -> None:
        """Wait until every run has ended, within the time for its cleanup."""
        limit = time.monotonic() + _END_SECONDS
        with self._lock:
            threads = tuple(self._runs.values())
        for thread in threads:
            thread.join(max(0.0, limit - time.monotonic()))

    def _perform(self, place: SelectedWorkspace, item_id: str) -> None:
        with suppress(MillracerError):
            task = prepare_task("", new_request_id(), place, self._options, resume=item_id)
            context = operation_context(place, self._tools, self._options, self._cancellation)
            answer = perform(OperationName.WATCH, task, context, task.request.request_id)
            _log.info("%s ended: %s", item_id, answer.result.outcome)
