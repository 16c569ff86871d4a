"""The methods that run, follow and submit tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from millracer.api.base import ClientBase, perform_redacted, refuse_blank
from millracer.api.listener import OnProgress, RunListeners, listening
from millracer.api.options import RUN_OPTION_NAMES, checked_keywords
from millracer.api.run_events import RunEvents
from millracer.cancellation import Cancellation
from millracer.domain.event_log import Cursor
from millracer.domain.operations import NOT_FOR_WATCH, SUBMIT_OPTIONS, OperationName
from millracer.domain.requests import Finalizer, ScopedWork
from millracer.errors import InvalidRequest
from millracer.operations.context import OperationContext, PreparedTask, prepare_task
from millracer.operations.options import OptionLayers
from millracer.wiring import new_request_id

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.items.watch_all import WatchAllResult
    from millracer.schemas.run.document import RunResultDocument
    from millracer.schemas.submit import SubmitResult

_WATCH_OPTIONS: Final = tuple(name for name in RUN_OPTION_NAMES if name not in NOT_FOR_WATCH)


class TaskMethods(ClientBase):
    """Run, follow and submit tasks."""

    def run(  # noqa: PLR0913 - all but one are optional
        self,
        task: str,
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        scope: ScopedWork | None = None,
        context_refs: Sequence[str] = (),
        on_progress: OnProgress | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> RunResultDocument:
        """Run one task to its end, as `millracer run` does.

        Args:
            task: the text of the task.
            request_id: identifies the work: the same id and text is the same work. None: new work.
            idempotency_key: identifies the work instead of the request id.
            scope: the one entry of your own queue that the task is about.
            context_refs: references for pi and Millrace, kept exactly as given.
            on_progress: receives each progress event in the calling thread; if it raises, the run
                ends.
            cancellation: stops the run, from any thread; the result is `cancelled`. A second
                request shortens the time that its programs have to end.
            options: run options of this call by name; None: the client's.

        Raises:
            UsageError: the task is empty, a skill cannot be used, or the client is closed. Nothing
                was started.
            InvalidRequest: a directory or an option cannot be used; `field` names it. Nothing was
                started.
            Exception: `on_progress` raised, or Millracer has a bug; everything started here has
                ended.
        """
        checked = self._checked(checked_keywords(options, RUN_OPTION_NAMES))
        refuse_blank(task, "task")
        request = _task(task, request_id, idempotency_key, scope, context_refs)
        with listening(on_progress) as listeners:
            return self._run(checked, request, RunListeners(progress=listeners), cancellation)

    def run_events(  # noqa: PLR0913 - all but one are optional
        self,
        task: str,
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        scope: ScopedWork | None = None,
        context_refs: Sequence[str] = (),
        after: str | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> RunEvents:
        """Return the events of one task's run, as `millracer run --stream-json` prints them.

        The run starts with the iteration, or with `result()`.

        Args:
            task: as for `run`, like the next four.
            request_id: as for `run`.
            idempotency_key: as for `run`.
            scope: as for `run`.
            context_refs: as for `run`.
            after: the `cursor` of the last event that you have, of work that exists; None for all.
            cancellation: as for `run`.
            options: as for `run`.

        Raises:
            UsageError: as for `run`.
            InvalidRequest: as for `run`, or `after` is not a cursor.
        """
        checked = self._checked(checked_keywords(options, RUN_OPTION_NAMES))
        refuse_blank(task, "task")
        request = _task(task, request_id, idempotency_key, scope, context_refs)
        return self._events(checked, request, after, cancellation)

    def watch(
        self,
        item: str,
        *,
        after: str | None = None,
        observe: bool = False,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> RunEvents:
        """Follow one work item to its end, as `millracer watch` does.

        The watch starts with the iteration over its events, or with `result()`, which returns the
        result of `run`.

        Args:
            item: the work item's id, or the id of its request.
            after: the `cursor` of the last event that you have; None for all.
            observe: only read: start no daemon, stop none, and write nothing.
            cancellation: as for `run`.
            options: as for `run`, without `route` and `intake`.

        Raises:
            UsageError: the item is empty, a skill cannot be used, or the client is closed.
            InvalidRequest: as for `run`, or `after` is not a cursor.
        """
        checked = self._checked(checked_keywords(options, _WATCH_OPTIONS))
        refuse_blank(item, "item")
        request: dict[str, Any] = {"resume": item}
        if observe:
            request |= {"observe": True, "finalizer": Finalizer.SUMMARY}
        return self._events(checked, request, after, cancellation)

    def watch_all(
        self, *, cancellation: Cancellation | None = None, **options: Any
    ) -> WatchAllResult:
        """Follow every item of the workspace until none is left, as `millracer watch --all` does.

        Args:
            cancellation: as for `run`.
            options: as for `watch`.

        Raises:
            UsageError, InvalidRequest: as for `run`.
        """
        checked = self._checked(checked_keywords(options, _WATCH_OPTIONS))
        from millracer.operations.watch_all import WatchAllRequest  # noqa: PLC0415 - loads the run

        with self._context(checked, cancellation) as context:
            result: WatchAllResult = perform_redacted(
                OperationName.WATCH_ALL, WatchAllRequest(), context
            )
        return result

    def submit(  # noqa: PLR0913 - all but one are optional
        self,
        task: str,
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        scope: ScopedWork | None = None,
        context_refs: Sequence[str] = (),
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> SubmitResult:
        """Add one task to Millrace's queue, as `millracer submit` does; starts no daemon.

        Args:
            task: as for `run`, like the next four.
            request_id: as for `run`.
            idempotency_key: as for `run`.
            scope: as for `run`.
            context_refs: as for `run`.
            cancellation: ends the call early.
            options: `intake`, `millrace_mode` and `cwd`, as for `run`.

        Raises:
            UsageError, InvalidRequest: as for `run`.
        """
        checked = self._checked(checked_keywords(options, SUBMIT_OPTIONS))
        refuse_blank(task, "task")
        request = _task(task, request_id, idempotency_key, scope, context_refs)
        with self._context(checked, cancellation) as context:
            prepared = _prepared(context, _identified(request))
            result: SubmitResult = perform_redacted(OperationName.SUBMIT, prepared, context)
        return result

    def _events(
        self,
        options: OptionLayers,
        request: Mapping[str, Any],
        after: str | None,
        cancellation: Cancellation | None,
    ) -> RunEvents:
        identified = _identified(request)
        return RunEvents(
            partial(self._run, options, identified),
            request_id=identified["request_id"],
            after=_cursor(after),
            cancellation=cancellation,
            starts=self._start_iteration,
            ended=self._end_iteration,
        )

    def _run(
        self,
        options: OptionLayers,
        request: Mapping[str, Any],
        listeners: RunListeners,
        cancellation: Cancellation | None,
    ) -> RunResultDocument:
        with self._context(options, cancellation, listeners) as context:
            prepared = _prepared(context, _identified(request))
            result: RunResultDocument = perform_redacted(OperationName.RUN, prepared, context)
        return result


def _task(
    task: str,
    request_id: str | None,
    idempotency_key: str | None,
    scope: ScopedWork | None,
    context_refs: Sequence[str],
) -> dict[str, Any]:
    """Return the fields of a task's request; without a request id, it identifies no work."""
    fields: dict[str, Any] = {
        "task": task,
        "idempotency_key": idempotency_key,
        "scope": scope,
        "context_refs": tuple(context_refs),
    }
    if request_id is not None:
        fields["request_id"] = request_id
    return fields


def _identified(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request with an id; a new id identifies no work."""
    if "request_id_named" in request:
        return request
    named = "request_id" in request
    return {"request_id": None if named else new_request_id(), **request, "request_id_named": named}


def _prepared(context: OperationContext, request: Mapping[str, Any]) -> PreparedTask:
    """Return a request with the workspace and the options of its call."""
    fields = dict(request)
    return prepare_task(
        fields.pop("task", ""),
        fields.pop("request_id"),
        context.find_workspace(),
        context.options,
        **fields,
    )


def _cursor(text: str | None) -> Cursor | None:
    try:
        return None if text is None else Cursor.parse(text)
    except ValueError as error:
        raise InvalidRequest(
            f"after: {error}", field="after", suggested_action="pass the `cursor` of an event"
        ) from error
