"""The actions of the tools on a fleet: blocking functions that perform operations on its queue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from millracer.cancellation import Cancellation
from millracer.domain.event_log import Severity
from millracer.domain.fleet.items import FleetItem
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetHostsRequest,
    FleetListRequest,
    FleetPauseRequest,
    FleetResumeRequest,
    FleetRetryRequest,
    FleetShowRequest,
    FleetSubmitRequest,
    FleetTask,
    FleetWorkspacesRequest,
)
from millracer.domain.requests import IntakePreference
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import InvalidRequest, MillracerError
from millracer.mcp.actions import OnEvent
from millracer.mcp.arguments import Arguments
from millracer.mcp.fleet.arguments import (
    FleetCancelArguments,
    FleetDelegateArguments,
    FleetItemArguments,
    FleetListArguments,
    FleetStatusArguments,
    FleetWaitArguments,
    FleetWorkspaceArguments,
)
from millracer.mcp.fleet.report import (
    MOST_LINES,
    describe_fleet,
    describe_fleet_control,
    describe_fleet_item,
    describe_fleet_items,
)
from millracer.mcp.report import TaskReport, describe_error, failure_of
from millracer.mcp.tools import ToolRow
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, Tools
from millracer.operations.fleet.task import json_options
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.options import OptionLayers
from millracer.operations.registry import perform
from millracer.schemas.fleet.report import describe_item
from millracer.schemas.ops.frame import EventFrame
from millracer.wiring import SystemClock, new_request_id

#: How long `cancel` waits for the host of a running item.
_CANCEL_SECONDS: Final = 20.0
_N = OperationName


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetActions:
    """Performs the tools of one server on a fleet. Thread-safe.

    Attributes:
        tools: not used, but part of every operation's context.
        options: the options of the command line; they travel with each task.
        fleet: the access to the fleet.
        workspace_id: the workspace of a call that names none; None: the fleet's only
            one, and all in a list.
        cancellation: cancelled when the server ends; ends each call that waits.
    """

    tools: Tools
    options: OptionLayers
    fleet: FleetAccess
    workspace_id: str | None
    cancellation: Cancellation

    def call(self, row: ToolRow, given: Arguments, on_event: OnEvent) -> TaskReport:
        """Perform a tool; errors become reports.

        Raises:
            Exception: a bug.
        """
        try:
            if isinstance(given, FleetItemArguments):
                return self._use_item(row, given, on_event)
            return self._use_fleet(row, given, on_event)
        except MillracerError as error:
            return describe_error(error)

    def _use_item(self, row: ToolRow, given: FleetItemArguments, on_event: OnEvent) -> TaskReport:
        item_id = given.work_item_id
        if isinstance(given, FleetWaitArguments):
            return self._show(item_id, on_event, seconds=given.seconds)
        if isinstance(given, FleetCancelArguments):
            request = FleetCancelRequest(
                work_item_id=item_id, reason=given.reason, wait_seconds=_CANCEL_SECONDS
            )
            return self._control(row.operation, request)
        if row.operation is _N.FLEET_RETRY:
            return self._control(row.operation, FleetRetryRequest(work_item_id=item_id))
        return self._show(item_id, on_event)

    def _use_fleet(self, row: ToolRow, given: Arguments, on_event: OnEvent) -> TaskReport:
        match given:
            case FleetDelegateArguments():
                return self._delegate(given, on_event)
            case FleetWorkspaceArguments():
                return self._pause(row.operation, given)
            case FleetListArguments():
                return self._list(given)
            case FleetStatusArguments(work_item_id=str(item_id)):
                return self._show(item_id, on_event)
            case FleetStatusArguments():
                return self._status(given)
            case _:
                raise TypeError(f"{row.name} is not a tool on a fleet")

    def _delegate(self, given: FleetDelegateArguments, on_event: OnEvent) -> TaskReport:
        chosen = {**self.options.environment, **self.options.given}
        if given.intake is not IntakePreference.AUTO:
            chosen["intake"] = given.intake
        request = FleetSubmitRequest(
            task=FleetTask(
                text=given.task,
                request_id=given.request_id or new_request_id(),
                options=json_options(chosen),
            ),
            workspace_id=self._workspace(given.workspace),
            wait=given.wait_seconds > 0,
            wait_seconds=given.wait_seconds,
        )
        answer = self._perform(_N.FLEET_SUBMIT, request, on_event)
        failed = failure_of(answer)
        item = answer.result.item
        if failed is not None or item is None:
            return failed or describe_error(MillracerError("the fleet stored nothing"))
        return describe_fleet_item(item, answer.result.result)

    def _show(self, item_id: str, on_event: OnEvent, *, seconds: float = 0) -> TaskReport:
        request = FleetShowRequest(work_item_id=item_id, wait=seconds > 0, wait_seconds=seconds)
        answer = self._perform(_N.FLEET_SHOW, request, on_event)
        failed = failure_of(answer)
        if failed is not None:
            return failed
        return describe_fleet_item(answer.result.item, answer.result.result)

    def _pause(self, name: OperationName, given: FleetWorkspaceArguments) -> TaskReport:
        workspace_id = self._workspace(given.workspace)
        request: object = FleetResumeRequest(workspace_id=workspace_id)
        if name is _N.FLEET_PAUSE:
            request = FleetPauseRequest(workspace_id=workspace_id)
        return self._control(name, request)

    def _control(self, name: OperationName, request: object) -> TaskReport:
        answer = self._perform(name, request)
        return failure_of(answer) or describe_fleet_control(answer.result)

    def _list(self, given: FleetListArguments) -> TaskReport:
        request = FleetListRequest(
            workspace_id=given.workspace or self.workspace_id,
            all_items=True,
            newest_first=True,
            limit=MOST_LINES,
        )
        answer = self._perform(_N.FLEET_LIST, request)
        return failure_of(answer) or describe_fleet_items(answer.result)

    def _status(self, given: FleetStatusArguments) -> TaskReport:
        workspace_id = given.workspace or self.workspace_id
        answers = [
            self._perform(_N.FLEET_HOSTS, FleetHostsRequest()),
            self._perform(_N.FLEET_WORKSPACES, FleetWorkspacesRequest()),
            self._perform(_N.FLEET_LIST, FleetListRequest(workspace_id=workspace_id)),
        ]
        failed = next(filter(None, map(failure_of, answers)), None)
        return failed or describe_fleet(
            *(each.result for each in answers), workspace_id=workspace_id
        )

    def _workspace(self, named: str | None) -> str:
        """Return the workspace of a call.

        Raises:
            InvalidRequest: none is named, and the fleet does not have exactly one.
        """
        if named is not None or self.workspace_id is not None:
            return named or self.workspace_id or ""
        answer = self._perform(_N.FLEET_WORKSPACES, FleetWorkspacesRequest())
        if answer.error is not None:
            raise MillracerError(
                answer.error.message,
                code=answer.error.code,
                suggested_action=answer.error.suggested_action,
            )
        ids = [each.workspace_id for each in answer.result.workspaces]
        if len(ids) == 1:
            return str(ids[0])
        raise InvalidRequest(
            "no workspace of the fleet is named",
            field="workspace",
            suggested_action=f"call again with `workspace`, one of: {', '.join(ids) or 'none yet'}",
        )

    def _perform(
        self, name: OperationName, request: object, on_event: OnEvent | None = None
    ) -> Answer[Any]:
        fleet = self.fleet
        if on_event is not None:
            fleet = replace(fleet, on_change=lambda item: on_event(_frame(item)))
        context = OperationContext.without_workspace(
            tools=self.tools,
            options=self.options,
            clock=SystemClock(),
            cancellation=self.cancellation,
            session_id=LOCAL_SESSION,
            fleet=fleet,
        )
        return perform(name, request, context)


def _frame(item: FleetItem) -> EventFrame:
    """Return a change of an item as an event that is not stored here."""
    progress = item.progress
    sequence = 0 if progress is None else progress.sequence
    return EventFrame(
        request_id="-",
        event_id=f"{item.item_id}~{sequence}",
        sequence=sequence,
        timestamp=datetime.now(UTC),
        event_type="fleet.progress",
        severity=Severity.INFO,
        message=describe_fleet_item(describe_item(item), None).message,
        payload={"work_item_id": item.item_id},
    )
