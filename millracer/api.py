"""The library: what `from millracer import …` gives to Python programs; see docs/api.md.

It is the code of the commands without what belongs to a command: no signal is handled, nothing is
printed. Each call has its own pi, Millrace and store; any thread may call, many at once.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.outcome import Outcome
from millracer.domain.progress import ProgressEvent
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    PiSession,
    RoutePreference,
)
from millracer.domain.run_options import RUN_OPTIONS, RunOptions
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import InvalidRequest, MillracerError, UsageError
from millracer.operations.gateway import CommandDefaults
from millracer.operations.options import OptionLayers, values_of
from millracer.programs.discovery import resolve_programs
from millracer.schemas.base import redacted
from millracer.schemas.ops_request import InvalidOpsRequest, OpsRequest, read_ops_request
from millracer.schemas.ops_result import OpsResult, OpsStatus
from millracer.schemas.run import ProgressDocument, RunResultDocument
from millracer.schemas.run_result import describe
from millracer.wiring import new_request_id, open_gateway
from millracer.wiring.tool_factory import ProgramFactory, existing

__all__ = [
    "CancelReason",
    "Cancellation",
    "Finalizer",
    "IntakePreference",
    "InvalidRequest",
    "MillracerError",
    "OpsRequest",
    "OpsResult",
    "OpsStatus",
    "Outcome",
    "PiSession",
    "ProgressDocument",
    "RoutePreference",
    "RunOptions",
    "RunResultDocument",
    "UsageError",
    "handle_request",
    "run_task",
]

_BY_DEFAULT: Final = RunOptions()


def run_task(  # noqa: PLR0913 - all but two are optional
    task: str,
    *,
    workspace: str | os.PathLike[str],
    options: RunOptions = _BY_DEFAULT,
    request_id: str | None = None,
    on_progress: Callable[[ProgressDocument], None] | None = None,
    cancellation: Cancellation | None = None,
    millrace_command: str | None = None,
    pi_command: str | None = None,
) -> RunResultDocument:
    """Take one task to its end, as `millracer run` does, and return the result it would print.

    Once the work has begun, however it ends is told by the result: a tool that is missing or fails
    is `outcome` failed with `errors`. Millracer's sessions are neither asked nor told.

    Args:
        task: what is to be done.
        workspace: root of the Millrace workspace, an existing directory.
        options: how it is done.
        request_id: names the work: the same name and text is the same work. None: new work.
        on_progress: told each step from the calling thread; what it raises ends the run.
        cancellation: asks the run to stop, from any thread; the result is `cancelled`. Asked a
            second time, ending its programs is hurried.
        millrace_command: the Millrace program, with arguments if need be. None: the one that
            `millracer setup` installed, else `millrace` on PATH.
        pi_command: the pi program, likewise.

    Raises:
        UsageError: the task is empty, or a program or skill is named that cannot be used.
        InvalidRequest: a directory or an option cannot be used; `field` says which. As with
            `UsageError`, nothing was begun.
        Exception: `on_progress` raised, or a bug of ours; everything begun here has ended.
    """
    if not task.strip():
        raise UsageError("there is no task", suggested_action="give its text as `task`")
    checked = _checked(options)
    root = existing(Path(workspace), "workspace")
    request = replace(
        OptionLayers(given=values_of(checked)).anywhere.request(
            task, new_request_id() if request_id is None else request_id
        ),
        request_id_named=request_id is not None,
    )
    asked_to_stop = cancellation or Cancellation()
    with (
        _programs(millrace_command, pi_command, on_progress) as programs,
        programs.orchestrator(str(root), checked, asked_to_stop) as orchestrator,
    ):
        result = orchestrator.run(request, asked_to_stop)
    return redacted(describe(result))


def handle_request(  # noqa: PLR0913 - all but one are optional
    request: OpsRequest | Mapping[str, object] | bytes,
    *,
    workspace: str | os.PathLike[str] | None = None,
    session_id: str = LOCAL_SESSION,
    options: RunOptions = _BY_DEFAULT,
    on_progress: Callable[[ProgressDocument], None] | None = None,
    cancellation: Cancellation | None = None,
    millrace_command: str | None = None,
    pi_command: str | None = None,
) -> OpsResult:
    """Answer one ops request, as `millracer ops --json` does, and return the result it would print.

    Every request has its result, one that cannot be read too. It is remembered in its session.

    Args:
        request: as JSON, as what JSON would say, or as the model of it.
        workspace: where a request works that names no workspace.
        session_id: the session of a request that names neither a session nor its client.
        options: how a run is done where the request does not say.
        on_progress: told each step of an `enqueue`, as by `run_task`.
        cancellation: as for `run_task`.
        millrace_command: as for `run_task`.
        pi_command: as for `run_task`.

    Raises:
        InvalidRequest: an option cannot be used; nothing was begun.
        TypeError: the request is of another type, or holds what JSON cannot say.
        Exception: `on_progress` raised, or a bug of ours; everything begun here has ended.
    """
    raw = _as_json(request)
    defaults = CommandDefaults(
        options=OptionLayers(given=values_of(_checked(options))),
        workspace=None if workspace is None else os.fspath(workspace),
        session_id=session_id,
    )
    with (
        _programs(millrace_command, pi_command, on_progress) as programs,
        open_gateway(programs, defaults) as gateway,
    ):
        try:
            read = read_ops_request(raw)
        except InvalidOpsRequest as error:
            answer = gateway.refuse_unreadable(error)
        else:
            answer = gateway.handle(read, cancellation or Cancellation())
    return redacted(answer.result)


class _ListenerRaised(Exception):
    """Carries an error of our kind past the run, which would take it for its own."""

    def __init__(self, error: MillracerError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _programs(
    millrace_command: str | None,
    pi_command: str | None,
    on_progress: Callable[[ProgressDocument], None] | None,
) -> Iterator[ProgramFactory]:
    """Yield the named programs; what they start for themselves ends with the block."""

    def listener(event: ProgressEvent) -> None:
        if on_progress is None:
            return
        try:
            on_progress(redacted(ProgressDocument.of(event)))
        except MillracerError as error:
            raise _ListenerRaised(error) from error

    programs = ProgramFactory(
        found=resolve_programs({"millrace_command": millrace_command, "pi_command": pi_command}),
        listeners=(listener,),
    )
    try:
        yield programs
    except _ListenerRaised as broken_off:
        raise broken_off.error from None
    finally:
        programs.close()


def _checked(options: RunOptions) -> RunOptions:
    """Return options that can all be used; callers without a type checker give texts for some.

    Raises:
        InvalidRequest: one cannot; `field` names it.
    """
    given = {option.name: getattr(options, option.name) for option in RUN_OPTIONS}
    try:
        checked = _options_type().validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        why = first["msg"].replace("Input should", "it should")
        raise _unusable(name, given[name], why) from error
    for option in RUN_OPTIONS:
        if option.minimum is None:
            continue
        number = getattr(checked, option.name)
        if not (math.isfinite(number) and number >= option.minimum):
            why = f"it should be finite and at least {option.minimum}"
            raise _unusable(option.name, number, why)
    return checked


@cache
def _options_type() -> TypeAdapter[RunOptions]:
    return TypeAdapter(RunOptions)


def _unusable(name: str, value: object, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is {reprlib.repr(value)}: {why}",
        field=name,
        suggested_action=f"correct {name}, or leave it out",
    )


def _as_json(request: OpsRequest | Mapping[str, object] | bytes) -> bytes:
    match request:
        case OpsRequest():
            return request.model_dump_json(exclude_unset=True).encode()
        case bytes():
            return request
        case Mapping():
            try:
                return json.dumps(dict(request)).encode()
            except (ValueError, RecursionError) as error:  # it goes in circles
                raise TypeError(f"the request is nothing that JSON can say: {error}") from error
        case _:
            kind = type(request).__name__
            raise TypeError(f"a request is bytes of JSON or a mapping, not {kind}")
