"""The methods on the queue of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millracer.api.base import ClientBase, perform_redacted, refuse_blank
from millracer.api.options import checked_keywords
from millracer.cancellation import Cancellation
from millracer.domain.fleet.items import DEFAULT_PRIORITY
from millracer.domain.operations import FLEET_OPTIONS, OperationName
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetDrainRequest,
    FleetForgetRequest,
    FleetHostsRequest,
    FleetListRequest,
    FleetPauseRequest,
    FleetPruneRequest,
    FleetResumeRequest,
    FleetRetryRequest,
    FleetSchedulesRequest,
    FleetShowRequest,
    FleetSubmitRequest,
    FleetTask,
    FleetWaitRequest,
    FleetWorkspacesRequest,
    ScheduleAction,
)
from millracer.domain.requests import ScopedWork
from millracer.wiring import new_request_id

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.domain.fleet.items import FleetItem
    from millracer.schemas.fleet.control import FleetControlResult
    from millracer.schemas.fleet.hosts import FleetHostsResult
    from millracer.schemas.fleet.item import FleetItemResult
    from millracer.schemas.fleet.items import FleetListResult
    from millracer.schemas.fleet.schedules import FleetSchedulesResult
    from millracer.schemas.fleet.submit import FleetSubmitResult
    from millracer.schemas.fleet.wait import FleetWaitResult
    from millracer.schemas.fleet.workspaces import FleetWorkspacesResult

#: Receives an item that a call waits for, first and after each change.
OnChange = Callable[["FleetItem"], None]


class FleetMethods(ClientBase):
    """Submit tasks to a fleet, and read and change its queue.

    Each method may also be called by a client whose workspace is not part of the fleet. The
    document of an unreachable database has the error `fleet_unreachable`; the same call is safe to
    repeat.
    """

    def fleet_submit(  # noqa: PLR0913 - all but two are optional
        self,
        task: str,
        workspace_id: str | None = None,
        *,
        label: str | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        scope: ScopedWork | None = None,
        context_refs: Sequence[str] = (),
        priority: int = DEFAULT_PRIORITY,
        not_before: datetime | None = None,
        wait: bool = False,
        wait_seconds: float | None = None,
        on_change: OnChange | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> FleetSubmitResult:
        """Add one task to the queue of the fleet, as `millracer fleet submit` does.

        Args:
            task: the text of the task.
            workspace_id: the workspace that does it; None: `label` selects one.
            label: the first free workspace with this label does it.
            request_id: identifies the work: the same id and text is the same work. None: new work.
            idempotency_key: identifies the work in the whole fleet instead of the request id.
            scope: the one entry of your own queue that the task is about.
            context_refs: references for pi and Millrace.
            priority: smaller starts earlier.
            not_before: the earliest start, with a time zone. None: at once.
            wait: return when the item has ended.
            wait_seconds: the longest wait. None: no limit.
            on_change: receives the item while the call waits for it.
            cancellation: ends the wait early; the item stays in the queue.
            options: run options of the item by name, as `FLEET_OPTIONS` lists them.

        Raises:
            UsageError: the task is empty, or the client is closed. Nothing was stored.
            InvalidRequest: an option cannot be used. Nothing was stored.
        """
        refuse_blank(task, "task")
        request = FleetSubmitRequest(
            task=self._fleet_task(
                task,
                options,
                request_id=request_id,
                idempotency_key=idempotency_key,
                scope=scope,
                context_refs=tuple(context_refs),
            ),
            workspace_id=workspace_id,
            label=label,
            priority=priority,
            not_before=not_before,
            wait=wait,
            wait_seconds=wait_seconds,
        )
        result: FleetSubmitResult = self._on_fleet(
            OperationName.FLEET_SUBMIT, request, cancellation, on_change
        )
        return result

    def fleet_list(  # noqa: PLR0913 - all are optional
        self,
        *,
        workspace_id: str | None = None,
        host: str | None = None,
        state: str | None = None,
        all_items: bool = False,
        newest_first: bool = False,
        limit: int = 1000,
        cancellation: Cancellation | None = None,
    ) -> FleetListResult:
        """Return the items of the fleet, as `millracer fleet ps` does; changes nothing.

        Args:
            workspace_id: only items of this workspace.
            host: only items of this host.
            state: only items in this state.
            all_items: also items that have ended.
            newest_first: the newest submissions first, instead of running ones first.
            limit: the longest list; the first items in its order are kept.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = FleetListRequest(
            workspace_id=workspace_id,
            host=host,
            state=state,
            all_items=all_items,
            newest_first=newest_first,
            limit=limit,
        )
        result: FleetListResult = self._on_fleet(OperationName.FLEET_LIST, request, cancellation)
        return result

    def fleet_show(
        self,
        item: str,
        *,
        wait: bool = False,
        wait_seconds: float | None = None,
        on_change: OnChange | None = None,
        cancellation: Cancellation | None = None,
    ) -> FleetItemResult:
        """Return everything about one item of the fleet, as `millracer fleet show` does.

        Args:
            item: the work item's id, or a unique beginning of it.
            wait: return when the item has ended.
            wait_seconds: the longest wait. None: no limit.
            on_change: receives the item while the call waits for it.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        request = FleetShowRequest(work_item_id=item, wait=wait, wait_seconds=wait_seconds)
        result: FleetItemResult = self._on_fleet(
            OperationName.FLEET_SHOW, request, cancellation, on_change
        )
        return result

    def fleet_wait(
        self,
        *items: str,
        wait_seconds: float | None = None,
        on_change: OnChange | None = None,
        cancellation: Cancellation | None = None,
    ) -> FleetWaitResult:
        """Wait until items of the fleet have ended, as `millracer fleet wait` does.

        Args:
            items: each as for `fleet_show`.
            wait_seconds: the longest wait. None: no limit.
            on_change: receives each item, first and after each change.
            cancellation: ends the call early.

        Raises:
            UsageError: an item is empty, or the client is closed.
        """
        for item in items:
            refuse_blank(item, "item")
        request = FleetWaitRequest(work_item_ids=items, wait_seconds=wait_seconds)
        result: FleetWaitResult = self._on_fleet(
            OperationName.FLEET_WAIT, request, cancellation, on_change
        )
        return result

    def fleet_cancel(
        self,
        item: str,
        *,
        reason: str | None = None,
        wait_seconds: float = 30.0,
        cancellation: Cancellation | None = None,
    ) -> FleetControlResult:
        """Cancel one item of the fleet, as `millracer fleet cancel` does.

        Args:
            item: as for `fleet_show`.
            reason: kept with the item. None: a default reason.
            wait_seconds: how long to wait until the host of a running item has cancelled it.
            cancellation: ends the wait early.

        Raises:
            UsageError: the item or the reason is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        if reason is not None:
            refuse_blank(reason, "reason")
        request = FleetCancelRequest(work_item_id=item, reason=reason, wait_seconds=wait_seconds)
        return self._change_fleet(OperationName.FLEET_CANCEL, request, cancellation)

    def fleet_retry(
        self, item: str, *, cancellation: Cancellation | None = None
    ) -> FleetControlResult:
        """Dispatch one item again that was set aside, as `millracer fleet retry` does.

        Args:
            item: as for `fleet_show`.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        refuse_blank(item, "item")
        request = FleetRetryRequest(work_item_id=item)
        return self._change_fleet(OperationName.FLEET_RETRY, request, cancellation)

    def fleet_hosts(self, *, cancellation: Cancellation | None = None) -> FleetHostsResult:
        """Return the hosts of the fleet, as `millracer fleet hosts` does; changes nothing.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        result: FleetHostsResult = self._on_fleet(
            OperationName.FLEET_HOSTS, FleetHostsRequest(), cancellation
        )
        return result

    def fleet_drain(  # noqa: PLR0913 - all but one are optional
        self,
        host: str,
        *,
        undo: bool = False,
        note: str | None = None,
        wait: bool = True,
        wait_seconds: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> FleetControlResult:
        """Let a host of the fleet start nothing new, as `millracer fleet drain` does.

        Args:
            host: its name.
            undo: let it start items again.
            note: the reason, shown with the host.
            wait: return when nothing runs there.
            wait_seconds: the longest wait. None: no limit.
            cancellation: ends the wait early; the host keeps draining.

        Raises:
            UsageError: the host is empty, or the client is closed.
        """
        refuse_blank(host, "host")
        request = FleetDrainRequest(
            host=host, undo=undo, note=note, wait=wait, wait_seconds=wait_seconds
        )
        return self._change_fleet(OperationName.FLEET_DRAIN, request, cancellation)

    def fleet_workspaces(
        self, *, cancellation: Cancellation | None = None
    ) -> FleetWorkspacesResult:
        """Return the workspaces of the fleet, as `millracer fleet workspaces` does.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        result: FleetWorkspacesResult = self._on_fleet(
            OperationName.FLEET_WORKSPACES, FleetWorkspacesRequest(), cancellation
        )
        return result

    def fleet_forget(
        self, workspace_id: str, *, lost: bool = False, cancellation: Cancellation | None = None
    ) -> FleetControlResult:
        """Remove a workspace without open items, as `millracer fleet workspaces forget` does.

        Args:
            workspace_id: its id in the fleet.
            lost: its checkout is lost; the next one that registers the id takes its open items.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(workspace_id, "workspace_id")
        request = FleetForgetRequest(workspace_id=workspace_id, lost=lost)
        return self._change_fleet(OperationName.FLEET_FORGET, request, cancellation)

    def fleet_pause(
        self,
        workspace_id: str,
        *,
        note: str | None = None,
        for_seconds: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> FleetControlResult:
        """Start no item in a workspace of the fleet, as `millracer fleet pause` does.

        Args:
            workspace_id: its id in the fleet.
            note: the reason, shown with the waiting items.
            for_seconds: the pause ends by itself after this time. None: it has no end.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(workspace_id, "workspace_id")
        request = FleetPauseRequest(workspace_id=workspace_id, note=note, for_seconds=for_seconds)
        return self._change_fleet(OperationName.FLEET_PAUSE, request, cancellation)

    def fleet_resume(
        self, workspace_id: str, *, cancellation: Cancellation | None = None
    ) -> FleetControlResult:
        """End the pause of a workspace of the fleet, as `millracer fleet resume` does.

        Args:
            workspace_id: its id in the fleet.
            cancellation: ends the call early.

        Raises:
            UsageError: the id is empty, or the client is closed.
        """
        refuse_blank(workspace_id, "workspace_id")
        request = FleetResumeRequest(workspace_id=workspace_id)
        return self._change_fleet(OperationName.FLEET_RESUME, request, cancellation)

    def fleet_schedules(  # noqa: PLR0913 - all are optional
        self,
        command: str = ScheduleAction.LIST,
        name: str | None = None,
        *,
        workspace_id: str | None = None,
        cron: str | None = None,
        timezone: str = "UTC",
        task: str | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> FleetSchedulesResult:
        """Return the schedules of the fleet after a change, as `millracer fleet schedule` does.

        Args:
            command: `list`, `add`, `pause`, `resume`, `run` or `remove`.
            name: the schedule; None for a list.
            workspace_id: of a new schedule.
            cron: of a new schedule: five fields, or six with seconds.
            timezone: of a new schedule: an IANA name.
            task: of a new schedule.
            cancellation: ends the call early.
            options: as for `fleet_submit`, of a new schedule.

        Raises:
            UsageError: the client is closed.
            InvalidRequest: an option cannot be used. Nothing was changed.
        """
        request = FleetSchedulesRequest(
            command=command,
            name=name,
            workspace_id=workspace_id,
            cron=cron,
            timezone=timezone,
            task=None if task is None else self._fleet_task(task, options),
        )
        result: FleetSchedulesResult = self._on_fleet(
            OperationName.FLEET_SCHEDULES, request, cancellation
        )
        return result

    def fleet_prune(
        self, older_than_seconds: float, *, cancellation: Cancellation | None = None
    ) -> FleetControlResult:
        """Delete old items of the fleet that have ended, as `millracer fleet prune` does.

        Args:
            older_than_seconds: only items that ended longer ago.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = FleetPruneRequest(older_than_seconds=older_than_seconds)
        return self._change_fleet(OperationName.FLEET_PRUNE, request, cancellation)

    def _change_fleet(
        self, name: OperationName, request: object, cancellation: Cancellation | None
    ) -> FleetControlResult:
        result: FleetControlResult = self._on_fleet(name, request, cancellation)
        return result

    def _on_fleet(
        self,
        name: OperationName,
        request: object,
        cancellation: Cancellation | None,
        on_change: OnChange | None = None,
    ) -> Any:
        with self._context(self._checked({}), cancellation, on_change=on_change) as context:
            return perform_redacted(name, request, context)

    def _fleet_task(self, text: str, options: dict[str, Any], **identity: Any) -> FleetTask:
        """Return a task with its options; without a request id it is new work."""
        from millracer.operations.fleet.task import json_options  # noqa: PLC0415 - loads the models

        checked = checked_keywords(options, FLEET_OPTIONS)
        named = identity.pop("request_id", None)
        return FleetTask(
            text=text,
            request_id=new_request_id() if named is None else named,
            options=json_options({**self._options.given, **checked}),
            **identity,
        )
