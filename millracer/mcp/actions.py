"""The actions of the tools: blocking functions that perform operations and return reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Protocol

from millracer.api.listener import NO_LISTENERS, RunListeners
from millracer.api.run_events import RunEvents
from millracer.cancellation import Cancellation, Wait
from millracer.domain.checks import NO_CHECKS, DemandedChecks
from millracer.domain.event_log import Cursor
from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.domain.operations.requests import ShowRequest
from millracer.domain.requests import LEAST_SECONDS, Finalizer, IntakePreference
from millracer.domain.run.completion import Verdict, judge
from millracer.domain.run.outcome import Outcome
from millracer.errors import InvalidRequest, MillracerError
from millracer.mcp.arguments import Arguments, DelegateArguments, StatusArguments, WaitArguments
from millracer.mcp.context import operation_context
from millracer.mcp.item_checks import ItemChecks
from millracer.mcp.report import (
    TaskReport,
    TaskStatus,
    describe_answer,
    describe_checking,
    describe_end,
    describe_error,
    describe_failure,
    describe_unchecked,
    describe_working,
    failure_of,
)
from millracer.mcp.tools import ToolRow
from millracer.operations.answer import Answer
from millracer.operations.context import (
    OperationContext,
    PreparedTask,
    SelectedWorkspace,
    Tools,
    prepare_task,
)
from millracer.operations.items.check_item import check_item
from millracer.operations.items.find_item import find_item
from millracer.operations.items.item_reports import READ_SECONDS
from millracer.operations.options import OptionLayers
from millracer.operations.registry import perform
from millracer.ports import EventLogs
from millracer.schemas.items.item import ItemDocument
from millracer.schemas.ops.frame import EventFrame
from millracer.schemas.run.document import RunResultDocument
from millracer.wiring import new_request_id
from millracer.wiring.tool_factory import PortFactory, ProgramFactory

#: pi and Millrace, with listeners that each run may have of its own.
ListeningTools = ProgramFactory | PortFactory

#: Called with each stored event while a tool waits.
OnEvent = Callable[[EventFrame], None]


class Places(Protocol):
    """The workspaces that a server may use."""

    def find(self, name: str | None) -> SelectedWorkspace:
        """Return the workspace of a name; None: the server's own one.

        Raises:
            InvalidRequest: the server does not serve it.
        """
        ...

    def find_key(self, key: str) -> SelectedWorkspace | None:
        """Return the workspace with a key (`workspace_key`); None if it is not served."""
        ...


class Runner(Protocol):
    """Runs items to their end."""

    def run(self, place: SelectedWorkspace, item_id: str) -> None:
        """Start to run an item, unless a process runs it.

        Raises:
            MillracerError: it cannot be started.
        """
        ...

    def is_starting(self, place: SelectedWorkspace, item_id: str) -> bool:
        """Whether this server has just started to run an item, which its event log may not show."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Performs the tools of one server. Thread-safe.

    Attributes:
        tools: pi and Millrace.
        options: the options of the command line and of files.
        cancellation: cancelled when the server ends; ends each call that waits.
        checks: runs the demanded checks.
    """

    tools: ListeningTools
    options: OptionLayers
    places: Places
    runner: Runner
    cancellation: Cancellation
    checks: ItemChecks = field(default_factory=ItemChecks)

    def call(self, row: ToolRow, given: Arguments, on_event: OnEvent) -> TaskReport:
        """Perform a tool; errors become reports.

        Raises:
            Exception: a bug.
        """
        try:
            place = self.places.find(getattr(given, "workspace", None))
            match given:
                case DelegateArguments():
                    return self.delegate(place, given, on_event)
                case WaitArguments():
                    return self.wait(place, given, on_event)
            if row.name == "result":
                return self.result(place, getattr(given, "work_item_id", ""))
            return self._answer(place, row, given)
        except MillracerError as error:
            return describe_error(error)

    def _answer(self, place: SelectedWorkspace, row: ToolRow, given: Arguments) -> TaskReport:
        """Perform the operation of a tool, which runs no checks."""
        name = row.operation
        if isinstance(given, StatusArguments) and given.work_item_id is not None:
            name = OperationName.SHOW
        report = describe_answer(perform(name, _request(name, given), self._context(place)))
        if report.status is TaskStatus.COMPLETED and self._demanded(place).commands:
            return describe_unchecked(report)
        return report

    def delegate(
        self, place: SelectedWorkspace, given: DelegateArguments, on_event: OnEvent
    ) -> TaskReport:
        """Put a task in Millrace's queue, let it run, and wait as requested.

        Raises:
            MillracerError: an option cannot be used, or the item cannot be run.
        """
        request_id = given.request_id or new_request_id()
        intake = None if given.intake is IntakePreference.AUTO else given.intake
        options = self.options if intake is None else self.options.with_values(intake=intake)
        task = prepare_task(
            given.task,
            request_id,
            place,
            options,
            request_id_named=given.request_id is not None,
        )
        answer = perform(
            OperationName.SUBMIT, task, self._context(place, options=options), request_id
        )
        item_id = answer.result.work_item_id
        failed = failure_of(answer)
        if failed is not None or item_id is None:
            return failed or describe_failure(
                "Millrace holds no item of this task",
                "call `status` to see the state of the workspace",
                code="not_submitted",
            )
        state = answer.result.state
        if state is None or not state.is_live:
            return self.result(place, item_id)
        self.runner.run(place, item_id)
        if given.wait_seconds:
            waiting = WaitArguments(work_item_id=item_id, seconds=given.wait_seconds)
            return self.wait(place, waiting, on_event)
        return describe_working(item_id, state, is_run=True, message=None, cursor=None)

    def wait(self, place: SelectedWorkspace, given: WaitArguments, on_event: OnEvent) -> TaskReport:
        """Wait for the end of an item, and report it.

        Raises:
            MillracerError: `after` is not a cursor, or a file cannot be read.
        """
        answer = self._show(place, given.work_item_id)
        failed = failure_of(answer)
        if failed is not None:
            return failed
        item: ItemDocument = answer.result.item
        seconds = max(given.seconds, LEAST_SECONDS)
        until = time.monotonic() + seconds
        last: EventFrame | None = None
        events = RunEvents(
            lambda listeners, cancellation: self._observe(
                place, item.work_item_id, seconds, listeners, cancellation
            ),
            request_id=new_request_id(),
            after=_cursor(given.after),
            cancellation=self.cancellation,
            starts=lambda _: None,
            ended=lambda _: None,
        )
        with events:
            for frame in events:
                if frame.cursor is not None:
                    last = frame
                    on_event(frame)
            observed = events.result()
        cursor = given.after if last is None else last.cursor
        if observed.outcome in {Outcome.TIMED_OUT, Outcome.CANCELLED} or item.state.is_live:
            return self._report(place, item.work_item_id, observed, last, cursor, until=until)
        return self._end(place, item, observed, cursor, until)

    def result(self, place: SelectedWorkspace, item_id: str) -> TaskReport:
        """Report an item as it is now."""
        return self._report(place, item_id)

    def _report(  # noqa: PLR0913 - what the caller knows
        self,
        place: SelectedWorkspace,
        item_id: str,
        observed: RunResultDocument | None = None,
        last: EventFrame | None = None,
        cursor: str | None = None,
        *,
        until: float | None = None,
    ) -> TaskReport:
        """Judge an item by Millrace's evidence now; `observed` only adds the answer."""
        if until is None:
            until = time.monotonic() + _END_SECONDS
        answer = self._show(place, item_id)
        failed = failure_of(answer)
        if failed is not None:
            return failed
        item: ItemDocument = answer.result.item
        if item.state.is_live:
            return describe_working(
                item.work_item_id,
                item.state,
                is_run=self._is_run(place, item.work_item_id),
                message=None if last is None else last.message,
                cursor=cursor,
            )
        if observed is None or observed.outcome in {Outcome.TIMED_OUT, Outcome.CANCELLED}:
            observed = self._observe(
                place, item.work_item_id, _END_SECONDS, NO_LISTENERS, self.cancellation
            )
        return self._end(place, item, observed, cursor, until)

    def _end(
        self,
        place: SelectedWorkspace,
        item: ItemDocument,
        observed: RunResultDocument,
        cursor: str | None,
        until: float,
    ) -> TaskReport:
        """Report an item that has ended; it is completed only if all demanded checks pass.

        Args:
            place: the workspace.
            item: the item, judged from Millrace's evidence.
            observed: the result of observing it.
            cursor: that of the last event.
            until: how long to wait for the checks, a `time.monotonic()` instant.
        """
        checked: Verdict | None = None
        demanded = self._demanded(place)
        if item.scoped_completion and demanded.commands:
            checked = self.checks.judge(
                (place.root_path, item.work_item_id),
                partial(self._check, place, item.work_item_id, demanded),
                max(0.0, until - time.monotonic()),
            )
            if checked is None:
                return describe_checking(item.work_item_id, cursor)
        return describe_end(item, observed, checked).model_copy(update={"cursor": cursor})

    def _demanded(self, place: SelectedWorkspace) -> DemandedChecks:
        return self.options.for_workspace(place.root_path).request("", "").checks

    def _check(self, place: SelectedWorkspace, item_id: str, demanded: DemandedChecks) -> Verdict:
        """Judge an item by Millrace's evidence and its checks together."""
        context = self._context(place)
        wait = Wait(context.cancellation)
        facts = check_item(item_id, demanded, place.root_path, context)
        millrace = context.open_millrace(place.root_path)
        found = find_item(item_id, millrace, wait.within(READ_SECONDS))
        evidence = millrace.gather_evidence(found, wait.within(READ_SECONDS))
        return judge(replace(evidence, demanded_checks=demanded.commands, checks=facts))

    def _is_run(self, place: SelectedWorkspace, item_id: str) -> bool:
        logs: EventLogs | None = self.tools.event_logs(place.root_path)
        is_written = logs is None or logs.has_writer(item_id)
        return is_written or self.runner.is_starting(place, item_id)

    def _show(self, place: SelectedWorkspace, item_id: str) -> Answer[Any]:
        return perform(OperationName.SHOW, ShowRequest(item_id), self._context(place))

    def _observe(
        self,
        place: SelectedWorkspace,
        item_id: str,
        seconds: float,
        listeners: RunListeners,
        cancellation: Cancellation,
    ) -> RunResultDocument:
        """Observe an item until it ends or the time is over; changes nothing, runs no checks."""
        options = self.options.with_values(daemon_timeout_seconds=seconds)
        task = prepare_task("", new_request_id(), place, options, resume=item_id)
        request = replace(task.request, observe=True, finalizer=Finalizer.SUMMARY, checks=NO_CHECKS)
        observed: PreparedTask = replace(task, request=request)
        context = self._context(
            place,
            options=options,
            tools=replace(
                self.tools,
                listeners=listeners.progress,
                on_text=listeners.on_text,
                on_log=listeners.on_log,
            ),
            cancellation=cancellation,
        )
        document: RunResultDocument = perform(
            OperationName.WATCH, observed, context, request.request_id
        ).result
        return document

    def _context(
        self,
        place: SelectedWorkspace,
        *,
        options: OptionLayers | None = None,
        tools: Tools | None = None,
        cancellation: Cancellation | None = None,
    ) -> OperationContext:
        return operation_context(
            place,
            tools or self.tools,
            options or self.options,
            cancellation or self.cancellation,
        )


#: How long the observation of an item that has ended may take.
_END_SECONDS = 10.0


def _request(name: OperationName, given: Arguments) -> object:
    request_type: Any = load(OPERATIONS[name].request)
    values = {each.name for each in fields(request_type)}
    return request_type(
        **{field: value for field, value in given.model_dump().items() if field in values}
    )


def _cursor(text: str | None) -> Cursor | None:
    try:
        return None if text is None else Cursor.parse(text)
    except ValueError as error:
        raise InvalidRequest(
            f"after: {error}",
            field="after",
            suggested_action="pass the `cursor` of your last report, or leave `after` out",
        ) from error
