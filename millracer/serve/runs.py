"""The items that a server runs: a thread with an orchestrator each, as `millracer watch`.

A list in the state folder names them. If the server is killed, the next one finds the list and
runs the items again; their event logs show the lost attempts. A server that is stopped cancels its
runs, so that their items are back in the queue, and removes them from the list.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from millracer.cancellation import STOP_SECONDS, Cancellation, CancelReason, Wait
from millracer.domain.operations import OperationName
from millracer.errors import MillracerError
from millracer.operations.context import prepare_task
from millracer.operations.registry import perform
from millracer.schemas.run.document import RunResultDocument
from millracer.serve.errors import Refusal
from millracer.serve.operations import ServerOperations
from millracer.serve.workspaces import ServedWorkspace

_log = logging.getLogger(__name__)
#: The most runs at once.
MOST_RUNS = 64
_RETRY_AFTER_SECONDS = 30
_LAST_WORDS_SECONDS = 2.0
_POLL_SECONDS = 0.1
_KEPT_RESULTS = 200

#: A run as the list keeps it: workspace, work_item_id, request_id, options.
ListedRun = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRun:
    """One run of the server."""

    workspace: ServedWorkspace
    item_id: str
    request_id: str
    options: Mapping[str, Any]
    cancellation: Cancellation = field(default_factory=Cancellation)

    @property
    def listed(self) -> ListedRun:
        """The run as the list keeps it."""
        return {
            "workspace": self.workspace.path,
            "work_item_id": self.item_id,
            "request_id": self.request_id,
            "options": dict(self.options),
        }


class ServerRuns:
    """The runs of one server. Thread-safe.

    Args:
        operations: performs the runs.
        save: stores the list of the runs; it never raises.
        report_bug: logs an unexpected error of a run.
    """

    def __init__(
        self,
        operations: ServerOperations,
        *,
        save: Callable[[list[ListedRun]], None],
        report_bug: Callable[[Exception], object],
    ) -> None:
        self._operations = operations
        self._save = save
        self._report_bug = report_bug
        self._changed = threading.Condition()
        self._runs: dict[tuple[str, str], ServerRun] = {}
        self._checked: dict[tuple[str, str], RunResultDocument] = {}
        self._is_stopping = False
        self._end_by = math.inf

    def has(self, workspace: ServedWorkspace, item_id: str) -> bool:
        """Return whether this server runs an item."""
        with self._changed:
            return (workspace.path, item_id) in self._runs

    def checked_result(
        self, workspace: ServedWorkspace, item_id: str, wait: Wait
    ) -> RunResultDocument | None:
        """Return the result of this server's run of an item, if the run had checks.

        Waits for the end of a run that has not ended. An observer runs no checks, so that it knows
        Millrace's proof alone.

        Raises:
            Cancelled: the caller requested a stop.
        """
        wait.until(lambda: not self.has(workspace, item_id), every=_POLL_SECONDS)
        with self._changed:
            return self._checked.get((workspace.path, item_id))

    def refuse_if_full(self) -> None:
        """Refuse one more run if there are too many.

        Raises:
            Refusal: there are too many.
        """
        with self._changed:
            if len(self._runs) >= MOST_RUNS:
                raise Refusal(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"the server runs {MOST_RUNS} items, and no more at once",
                    "wait until one has ended, or queue the item with `run: false`",
                    headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
                    code="too_many_runs",
                )

    def start(
        self,
        workspace: ServedWorkspace,
        item_id: str,
        request_id: str,
        options: Mapping[str, Any],
    ) -> bool:
        """Run an item to its end in a thread; return whether this server runs it now.

        An item that this server runs already is not run twice.

        Raises:
            Refusal: there are too many runs.
        """
        run = ServerRun(
            workspace=workspace, item_id=item_id, request_id=request_id, options=options
        )
        key = (workspace.path, item_id)
        with self._changed:
            if self._is_stopping:
                return False
            if key in self._runs:
                return True
            self.refuse_if_full()
            self._runs[key] = run
            self._checked.pop(key, None)
            self._save_list()
        threading.Thread(target=self._run, args=(key, run), name="run", daemon=True).start()
        return True

    def stop(self, *, at_once: bool = False) -> None:
        """Cancel every run; repeatable.

        Args:
            at_once: cut their cleanup short, as a second Ctrl-C does for `millracer run`.
        """
        with self._changed:
            self._is_stopping = True
            runs = tuple(self._runs.values())
            if at_once:
                self._end_by = min(self._end_by, time.monotonic() + _LAST_WORDS_SECONDS)
                self._changed.notify_all()
        for run in runs:
            if run.cancellation.reason is None:
                run.cancellation.cancel(CancelReason.TERMINATED)
            if at_once and run.cancellation.urgent.reason is None:
                run.cancellation.cancel(CancelReason.TERMINATED)

    def await_end(self) -> None:
        """Wait until every run has ended, within the time for its cleanup."""
        limit = time.monotonic() + STOP_SECONDS + _LAST_WORDS_SECONDS
        with self._changed:
            while self._runs and (left := min(limit, self._end_by) - time.monotonic()) > 0:
                self._changed.wait(left)

    def _run(self, key: tuple[str, str], run: ServerRun) -> None:
        try:
            self._perform(run)
        except Exception as error:  # noqa: BLE001 - the server keeps running
            self._report_bug(error)
        finally:
            with self._changed:
                del self._runs[key]
                self._save_list()
                self._changed.notify_all()

    def _perform(self, run: ServerRun) -> None:
        options = self._operations.options.with_values(**run.options)
        context = self._operations.context(
            run.workspace, options=options, cancellation=run.cancellation
        )
        try:
            prepared = prepare_task(
                "",
                run.request_id,
                run.workspace.place,
                options,
                resume=run.item_id,
            )
        except MillracerError as error:
            _log.warning("%s does not run: %s", run.item_id, error)
            return
        answer = perform(OperationName.WATCH, prepared, context, run.request_id)
        if answer.result.verification is not None:
            with self._changed:
                self._checked[run.workspace.path, run.item_id] = answer.result
                while len(self._checked) > _KEPT_RESULTS:
                    del self._checked[next(iter(self._checked))]
        _log.info("%s ended: %s", run.item_id, answer.result.outcome)

    def _save_list(self) -> None:
        self._save([run.listed for run in self._runs.values()])
