"""Follow every item of a workspace until none is left to work on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from millracer.cancellation import Wait
from millracer.domain.requests import Finalizer, RunRequest
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, Tools
from millracer.operations.control import require_workspace
from millracer.operations.session.request_ids import new_request_id
from millracer.ports import Backend
from millracer.schemas.items.watch_all import WatchAllResult, describe_watch_all

_LEASE_SECONDS = 30.0
_LEAVE_SECONDS = 60.0
#: After such an outcome the next item would not do better.
_FINAL = frozenset(
    {
        Outcome.CANCELLED,
        Outcome.FAILED,
        Outcome.CRASHED,
        Outcome.RESTART_NEEDED,
        Outcome.TIMED_OUT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAllRequest:
    """Follow every item of a workspace until none is left to work on.

    Attributes:
        tools_for: opens the tools that follow one item, given its id; None: those of the context.
    """

    tools_for: Callable[[str], AbstractContextManager[Tools]] | None = None


def answer_watch_all(request: WatchAllRequest, context: OperationContext) -> Answer[WatchAllResult]:
    """Follow every item; the exit code is that of the first result that is not completed."""
    place = context.find_workspace()
    merged = context.options.for_workspace(place.root_path, session_mode=place.mode)

    def run(one: RunRequest) -> RunResult:
        tools_for = request.tools_for or (lambda _item_id: nullcontext(context.tools))
        with (
            tools_for(one.resume or "") as tools,
            tools.orchestrator(
                place.root_path, merged.options, context.cancellation
            ) as orchestrator,
        ):
            return orchestrator.run(one, context.cancellation)

    results = watch_all(
        merged.request("", new_request_id()),
        context.tools.millrace(place.root_path, merged.options),
        Wait(context.cancellation),
        run,
        new_request_id,
    )
    codes = (exit_code_of(result) for result in results)
    warnings = (*place.warnings, *context.memory.warnings)
    return Answer(
        result=describe_watch_all(place.root_path, results, warnings),
        exit_code=next((code for code in codes if code), ExitCode.COMPLETED),
    )


def watch_all(
    request: RunRequest,
    millrace: Backend,
    wait: Wait,
    run: Callable[[RunRequest], RunResult],
    new_request_id: Callable[[], str],
) -> tuple[RunResult, ...]:
    """Run each live item to its end, also those that are added meanwhile; return the results.

    An item that ended before its turn has its result, too.

    One lease is held for the whole time, so that the daemon works on while one run ends and the
    next begins. The items' answers are written without a model. An outcome that the next item would
    share, such as a time-out, ends the watch.

    Args:
        request: the options of each run.
        millrace: the workspace's backend.
        wait: bounds the calls outside the runs.
        run: performs one run.
        new_request_id: returns a fresh request id.

    Raises:
        InvalidRequest: the directory is not a Millrace workspace.
    """
    require_workspace(millrace, wait)
    results: list[RunResult] = []
    followed: set[str] = set()
    known: dict[str, None] = {}
    lease = millrace.supervisor.lease(wait.within(_LEASE_SECONDS))
    try:
        while True:
            wait.cancellation.raise_if_cancelled()
            item_id = _next(millrace, followed, known)
            if item_id is None:
                break
            followed.add(item_id)
            one = replace(
                request,
                request_id=new_request_id(),
                resume=item_id,
                finalizer=Finalizer.SUMMARY,
                keep_daemon=False,
            )
            results.append(run(one))
            if results[-1].outcome in _FINAL:
                break
    finally:
        lease.leave(wait.cleaning_up(_LEAVE_SECONDS), keep_daemon=request.keep_daemon)
    return tuple(results)


def _next(millrace: Backend, followed: set[str], known: dict[str, None]) -> str | None:
    """Return the active item, else the one that waits longest, else one that has ended meanwhile.

    Args:
        millrace: the workspace's backend.
        followed: the items that were followed.
        known: all items that were live once; those that are live now are added.
    """
    live = [
        item
        for item in millrace.list_unfinished()
        if item.state.is_live and item.item_id not in followed
    ]
    known.update((item.item_id, None) for item in reversed(live))
    active = [item for item in live if item.state is ItemState.ACTIVE]
    queued = [item for item in reversed(live) if item.state is ItemState.QUEUED]
    ids = [item.item_id for item in (*active, *queued, *reversed(live))]
    return next((item_id for item_id in (*ids, *known) if item_id not in followed), None)
