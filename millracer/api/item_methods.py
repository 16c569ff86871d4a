"""The methods that read work items and Millrace's runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from millracer.api.base import ClientBase, refuse_blank
from millracer.cancellation import Cancellation
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import (
    DiffRequest,
    HistoryRequest,
    ListRequest,
    ListRunsRequest,
    LogsRequest,
    ShowRequest,
    ShowRunRequest,
    TraceRequest,
)

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.diff import DiffResult
    from millracer.schemas.items.history import HistoryResult
    from millracer.schemas.items.item import ItemResult, LogsResult, TraceResult
    from millracer.schemas.items.listing import ListResult
    from millracer.schemas.items.runs import RunsResult, ShownRunResult


class ItemMethods(ClientBase):
    """Read work items and Millrace's runs."""

    def list(
        self,
        states: Sequence[str] = (),
        *,
        all_workspaces: bool = False,
        cancellation: Cancellation | None = None,
    ) -> ListResult:
        """Return the items, the last written first, as `millracer list` does; changes nothing.

        Args:
            states: only items in these states; all if empty.
            all_workspaces: also the items of every registered workspace.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = ListRequest(states=tuple(states), all_workspaces=all_workspaces)
        result: ListResult = self._call(OperationName.LIST, request, cancellation)
        return result

    def show(self, item: str, *, cancellation: Cancellation | None = None) -> ItemResult:
        """Return everything about one item, as `millracer show` does; changes nothing.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: ItemResult = self._call(OperationName.SHOW, ShowRequest(item), cancellation)
        return result

    def logs(
        self,
        item: str,
        *,
        stage: str | None = None,
        raw: bool = False,
        cancellation: Cancellation | None = None,
    ) -> LogsResult:
        """Return what the agents of an item's stages said and did, as `millracer logs` does.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            stage: only stages of this name; all if None.
            raw: also the recorded files' texts.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        request = LogsRequest(item, stage=stage, raw=raw)
        result: LogsResult = self._call(OperationName.LOGS, request, cancellation)
        return result

    def trace(self, item: str, *, cancellation: Cancellation | None = None) -> TraceResult:
        """Return Millrace's evidence about one item, as `millracer trace` does.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: TraceResult = self._call(OperationName.TRACE, TraceRequest(item), cancellation)
        return result

    def diff(self, item: str, *, cancellation: Cancellation | None = None) -> DiffResult:
        """Return the changed files during the work on an item, as `millracer diff` does.

        Args:
            item: the work item's id, or the id of its request.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        result: DiffResult = self._call(OperationName.DIFF, DiffRequest(item), cancellation)
        return result

    def history(
        self, *, all_workspaces: bool = False, cancellation: Cancellation | None = None
    ) -> HistoryResult:
        """Return the attempts that were watched here, as `millracer history` does.

        Args:
            all_workspaces: also the attempts in every registered workspace.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = HistoryRequest(all_workspaces=all_workspaces)
        result: HistoryResult = self._call(OperationName.HISTORY, request, cancellation)
        return result

    def list_runs(
        self, item: str | None = None, *, cancellation: Cancellation | None = None
    ) -> RunsResult:
        """Return Millrace's runs in the workspace, the newest first; changes nothing.

        Args:
            item: only runs with a stage for this item, named as for `show`. None: all.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        if item is not None:
            refuse_blank(item, "item")
        request = ListRunsRequest(item)
        result: RunsResult = self._call(OperationName.LIST_RUNS, request, cancellation)
        return result

    def show_run(self, run_id: str, *, cancellation: Cancellation | None = None) -> ShownRunResult:
        """Return one of Millrace's runs whole; changes nothing.

        Args:
            run_id: Millrace's id of the run.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(run_id, "run_id")
        request = ShowRunRequest(run_id)
        result: ShownRunResult = self._call(OperationName.SHOW_RUN, request, cancellation)
        return result
