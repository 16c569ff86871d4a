"""`Client`: the operations on one workspace as methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from millracer.api.listener import OnProgress, listening
from millracer.api.options import RUN_OPTION_NAMES, checked_keywords, checked_options
from millracer.cancellation import Cancellation
from millracer.domain.operations import NOT_FOR_WATCH, SUBMIT_OPTIONS, OperationName
from millracer.domain.operations.requests import (
    CancelRequest,
    DiffRequest,
    HistoryRequest,
    ListRequest,
    LogsRequest,
    ModelsRequest,
    PauseRequest,
    ResumeRequest,
    RetryRequest,
    ShowRequest,
    StartRequest,
    StatusRequest,
    StopRequest,
    TraceRequest,
)
from millracer.domain.programs import ProgramsUsed
from millracer.domain.requests import ScopedWork
from millracer.domain.run.options import PROGRAM_OPTIONS, RunOptions
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import UsageError
from millracer.operations.context import OperationContext, PreparedTask, prepare_task
from millracer.operations.options import OptionLayers, values_of
from millracer.operations.registry import perform
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Agent, Backend, ProgressListener
from millracer.programs.discovery import resolve_programs
from millracer.schemas.base import redacted
from millracer.wiring import SystemClock, new_identity, new_request_id, open_event_logs, open_store
from millracer.wiring.tool_factory import PortFactory, ProgramFactory, existing
from millracer.wiring.workspace import find_place

if TYPE_CHECKING:  # loaded by the operation that returns it
    from millracer.schemas.control import ControlResult
    from millracer.schemas.diff import DiffResult
    from millracer.schemas.items.history import HistoryResult
    from millracer.schemas.items.item import ItemResult, LogsResult, TraceResult
    from millracer.schemas.items.listing import ListResult
    from millracer.schemas.models import ModelsResult
    from millracer.schemas.run.document import RunResultDocument
    from millracer.schemas.status import StatusResult
    from millracer.schemas.submit import SubmitResult

_BY_DEFAULT: Final = RunOptions()
_PROGRAM_NAMES: Final = tuple(option.name for option in PROGRAM_OPTIONS)
_WATCH_OPTIONS: Final = tuple(name for name in RUN_OPTION_NAMES if name not in NOT_FOR_WATCH)


class Client:
    """The operations on one workspace, each a method with the name of its command.

    A method returns the document that its command prints with `--json` or `--output json`, as a
    frozen pydantic model. After the work has started, the document reports every ending, errors
    included; `raise_for_outcome` of the document raises unless the operation succeeded. Nothing is
    printed, and no signal is handled. Methods may be called concurrently, from any thread.

    All calls share one fork server for Millrace's commands; `close`, or the end of a `with` block,
    ends it.
    """

    def __init__(
        self,
        workspace: str | os.PathLike[str] | None = None,
        *,
        session_id: str | None = None,
        options: RunOptions = _BY_DEFAULT,
        backends: Callable[[str, RunOptions], Backend] | None = None,
        agents: Callable[[str, RunOptions], Agent] | None = None,
        **keywords: Any,
    ) -> None:
        """Check the arguments; nothing is started yet.

        Args:
            workspace: root of the workspace, an existing directory. None: the workspace that the
                session selected, else the current directory.
            session_id: the session whose selection is used and which records the requests. None:
                the session store is neither read nor written.
            options: the options of all calls.
            backends: returns the Millrace of a workspace, for tests. None: the real program.
            agents: returns a new agent for a run, for tests. None: the real pi.
            keywords: options of all calls by name, including the programs; they take precedence
                over `options`. None: the default.

        Raises:
            UsageError: a program or a skill cannot be used.
            InvalidRequest: a directory or an option cannot be used; `field` names it.
        """
        programs = {name: keywords.pop(name, None) for name in _PROGRAM_NAMES}
        self._options = OptionLayers(given=values_of(checked_options(options))).with_values(
            **checked_keywords(keywords, RUN_OPTION_NAMES)
        )
        self._workspace = None if workspace is None else existing(Path(workspace), "workspace")
        self._session_id = session_id
        self._programs = ProgramFactory(found=resolve_programs(programs))
        self._backends = backends
        self._agents = agents
        self._is_closed = False
        self._check(self._options.anywhere.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that the client shares between calls; repeatable.

        A call that is in progress continues without them; a later call raises `UsageError`.
        """
        self._is_closed = True
        self._programs.close()

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
        chosen = checked_keywords(options, RUN_OPTION_NAMES)
        _refuse_blank(task, "task")
        return self._run(
            chosen,
            on_progress,
            cancellation,
            task=task,
            request_id=request_id,
            idempotency_key=idempotency_key,
            scope=scope,
            context_refs=tuple(context_refs),
        )

    def watch(
        self,
        item: str,
        *,
        on_progress: OnProgress | None = None,
        cancellation: Cancellation | None = None,
        **options: Any,
    ) -> RunResultDocument:
        """Follow one work item to its end, as `millracer watch` does.

        Args:
            item: the work item's id, or the id of its request.
            on_progress: as for `run`.
            cancellation: as for `run`.
            options: as for `run`, without `route` and `intake`.

        Raises:
            UsageError, InvalidRequest, Exception: as for `run`.
        """
        chosen = checked_keywords(options, _WATCH_OPTIONS)
        _refuse_blank(item, "item")
        return self._run(chosen, on_progress, cancellation, resume=item)

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
        chosen = checked_keywords(options, SUBMIT_OPTIONS)
        _refuse_blank(task, "task")
        with self._context(chosen, cancellation) as context:
            prepared = _prepared(
                context,
                task=task,
                request_id=request_id,
                idempotency_key=idempotency_key,
                scope=scope,
                context_refs=tuple(context_refs),
            )
            result: SubmitResult = _perform(OperationName.SUBMIT, prepared, context)
        return result

    def status(self, *, cancellation: Cancellation | None = None) -> StatusResult:
        """Return the status of the workspace, as `millracer status` does; changes nothing.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        result: StatusResult = self._call(OperationName.STATUS, StatusRequest(), cancellation)
        return result

    def diff(self, item: str, *, cancellation: Cancellation | None = None) -> DiffResult:
        """Return the changed files during the work on an item, as `millracer diff` does.

        Args:
            item: the work item's id, or the id of its request.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        _refuse_blank(item, "item")
        result: DiffResult = self._call(OperationName.DIFF, DiffRequest(item), cancellation)
        return result

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

    def show(self, item: str, *, cancellation: Cancellation | None = None) -> ItemResult:
        """Return everything about one item, as `millracer show` does; changes nothing.

        Args:
            item: as for `diff`, or a unique beginning of the item's id.
            cancellation: ends the call early.

        Raises:
            UsageError: the item is empty, or the client is closed.
        """
        _refuse_blank(item, "item")
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
        _refuse_blank(item, "item")
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
        _refuse_blank(item, "item")
        result: TraceResult = self._call(OperationName.TRACE, TraceRequest(item), cancellation)
        return result

    def retry(
        self, item: str, *, reason: str | None = None, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Put one blocked item back into the queue, as `millracer retry` does.

        Args:
            item: as for `show`.
            reason: kept by Millrace. None: a default reason.
            cancellation: ends the call early.

        Raises:
            UsageError: the item or the reason is empty, or the client is closed.
        """
        _refuse_blank(item, "item")
        if reason is not None:
            _refuse_blank(reason, "reason")
        return self._control(OperationName.RETRY, RetryRequest(item, reason), cancellation)

    def start(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """Start a daemon that works the queue until `stop`, as `millracer start` does.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.START, StartRequest(), cancellation)

    def cancel(
        self, item: str, *, reason: str | None = None, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Take one waiting or blocked item out of the queue, as `millracer cancel` does.

        Args:
            item: the work item's id, or the id of its request.
            reason: kept by Millrace. None: a default reason.
            cancellation: ends the call early.

        Raises:
            UsageError: the item or the reason is empty, or the client is closed.
        """
        _refuse_blank(item, "item")
        if reason is not None:
            _refuse_blank(reason, "reason")
        return self._control(OperationName.CANCEL, CancelRequest(item, reason), cancellation)

    def pause(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """Pause the workspace, as `millracer pause` does: no new stage is started.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.PAUSE, PauseRequest(), cancellation)

    def resume(self, *, cancellation: Cancellation | None = None) -> ControlResult:
        """End the pause of the workspace, as `millracer resume` does; starts no daemon.

        Args:
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.RESUME, ResumeRequest(), cancellation)

    def stop(
        self, *, force: bool = False, cancellation: Cancellation | None = None
    ) -> ControlResult:
        """Stop the daemon of the workspace, as `millracer stop` does.

        Args:
            force: also stop a foreign daemon, or one that another caller watches.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        return self._control(OperationName.STOP, StopRequest(force), cancellation)

    def models(
        self,
        *choices: str,
        follow_pi: bool = False,
        check_models: bool = True,
        cancellation: Cancellation | None = None,
    ) -> ModelsResult:
        """Return the model of pi and of each stage, as `millracer models` does, after changes.

        Args:
            choices: models for the stages, each as `[ALIAS=]PROVIDER/MODEL[:THINKING]`; without an
                alias for all of them. Without any, nothing is changed.
            follow_pi: give all stages the model of pi.
            check_models: refuse a model that pi has no credentials for.
            cancellation: ends the call early.

        Raises:
            UsageError: the client is closed.
        """
        request = ModelsRequest(choices=choices, follow_pi=follow_pi, check_models=check_models)
        result: ModelsResult = self._call(OperationName.MODELS, request, cancellation)
        return result

    def _run(
        self,
        chosen: Mapping[str, Any],
        on_progress: OnProgress | None,
        cancellation: Cancellation | None,
        **request: Any,
    ) -> RunResultDocument:
        with (
            listening(on_progress) as listeners,
            self._context(chosen, cancellation, listeners) as context,
        ):
            prepared = _prepared(context, **request)
            result: RunResultDocument = _perform(OperationName.RUN, prepared, context)
        return result

    def _control(
        self, name: OperationName, request: object, cancellation: Cancellation | None
    ) -> ControlResult:
        result: ControlResult = self._call(name, request, cancellation)
        return result

    def _call(self, name: OperationName, request: object, cancellation: Cancellation | None) -> Any:
        with self._context({}, cancellation) as context:
            return _perform(name, request, context)

    @contextmanager
    def _context(
        self,
        chosen: Mapping[str, Any],
        cancellation: Cancellation | None,
        listeners: tuple[ProgressListener, ...] = (),
    ) -> Iterator[OperationContext]:
        """Yield the context of one call with these options."""
        if self._is_closed:
            raise UsageError("the client is closed", suggested_action="open another client")
        options = self._options.with_values(**chosen)
        if chosen:
            self._check(options.anywhere.options)
        with ExitStack() as held:
            store = None if self._session_id is None else held.enter_context(open_store())
            memory = SessionMemory(store)
            yield OperationContext(
                tools=self._tools(listeners),
                memory=memory,
                options=options,
                clock=SystemClock(),
                cancellation=cancellation or Cancellation(),
                find_workspace=lambda: find_place(self._workspace, self._session_id, memory),
                new_identity=new_identity,
                session_id=self._session_id or LOCAL_SESSION,
            )

    def _tools(self, listeners: tuple[ProgressListener, ...]) -> PortFactory:
        used = self._programs.found.used
        return PortFactory(
            backends=self._backends or self._programs.millrace,
            agents=self._agents or self._programs.agent,
            used=ProgramsUsed(
                millrace=None if self._backends else used.millrace,
                pi=None if self._agents else used.pi,
            ),
            listeners=listeners,
            logs=None if self._backends else open_event_logs,
        )

    def _check(self, options: RunOptions) -> None:
        """Raise what opening the programs would raise, before anything is started."""
        self._programs.check(os.sep if self._workspace is None else str(self._workspace), options)


def _prepared(
    context: OperationContext, *, task: str = "", request_id: str | None = None, **identity: Any
) -> PreparedTask:
    """Return a request with the workspace and the options of its call.

    Args:
        context: the context of the call.
        task: the text of the task.
        request_id: the caller's request id. None: a new one, which identifies no work.
        identity: further fields of the request.
    """
    return prepare_task(
        task,
        new_request_id() if request_id is None else request_id,
        context.find_workspace(),
        context.options,
        request_id_named=request_id is not None,
        **identity,
    )


def _perform(name: OperationName, request: object, context: OperationContext) -> Any:
    """Return the document of an operation without secrets."""
    request_id = request.request.request_id if isinstance(request, PreparedTask) else None
    return redacted(perform(name, request, context, request_id).result)


def _refuse_blank(text: str, name: str) -> None:
    if not text.strip():
        raise UsageError(f"{name} is empty", suggested_action=f"pass a text as `{name}`")
