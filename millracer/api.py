"""The Python library: everything that `from millracer import …` offers; see docs/api.md.

The functions run the code of the commands, but handle no signals and print nothing. Each call opens
its own pi, Millrace and store. All functions are thread-safe, and calls may run concurrently.
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
from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    PiSession,
    RoutePreference,
)
from millracer.domain.run.options import RUN_OPTIONS, RunOptions
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import InvalidRequest, MillracerError, UsageError
from millracer.operations.gateway import CommandDefaults
from millracer.operations.options import OptionLayers, values_of
from millracer.programs.discovery import resolve_programs
from millracer.schemas.base import redacted
from millracer.schemas.ops.request import InvalidOpsRequest, OpsRequest, read_ops_request
from millracer.schemas.ops.result import OpsResult, OpsStatus
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
    """Run one task to its end, as `millracer run` does, and return the result it would print.

    After the work has started, the result reports every ending: a program that is missing or fails
    gives `outcome` failed with `errors`. The session store is neither read nor written.

    Args:
        task: the text of the task.
        workspace: root of the Millrace workspace, an existing directory.
        options: route, limits and other options of the run.
        request_id: identifies the work: the same id and text is the same work. None: new work.
        on_progress: receives each progress event in the calling thread; if it raises, the run ends.
        cancellation: stops the run, from any thread; the result is `cancelled`. A second request
            shortens the time that its programs have to end.
        millrace_command: the Millrace program, with arguments if it needs some. None: the program
            that `millracer setup` installed, else `millrace` on PATH.
        pi_command: the pi program, likewise.

    Raises:
        UsageError: the task is empty, or a named program or skill cannot be used. Nothing was
            started.
        InvalidRequest: a directory or an option cannot be used; `field` names it. Nothing was
            started.
        Exception: `on_progress` raised, or Millracer has a bug; everything started here has ended.
    """
    if not task.strip():
        raise UsageError("the task is empty", suggested_action="pass its text as `task`")
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

    Every request gets a result, also an unreadable one. The request's session records it.

    Args:
        request: JSON bytes, a mapping that JSON can represent, or an `OpsRequest`.
        workspace: the workspace of a request that does not name one.
        session_id: the session of a request that names neither a session nor its client.
        options: options of a run that the request does not set.
        on_progress: receives each progress event of an `enqueue`, as in `run_task`.
        cancellation: as for `run_task`.
        millrace_command: as for `run_task`.
        pi_command: as for `run_task`.

    Raises:
        InvalidRequest: an option cannot be used; nothing was started.
        TypeError: the request is of another type, or holds a value that JSON cannot represent.
        Exception: `on_progress` raised, or Millracer has a bug; everything started here has ended.
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
    """Carries a listener's `MillracerError` past the run, which would treat it as its own."""

    def __init__(self, error: MillracerError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _programs(
    millrace_command: str | None,
    pi_command: str | None,
    on_progress: Callable[[ProgressDocument], None] | None,
) -> Iterator[ProgramFactory]:
    """Yield the named programs; every process they start ends with the block."""

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
    except _ListenerRaised as raised:
        raise raised.error from None
    finally:
        programs.close()


def _checked(options: RunOptions) -> RunOptions:
    """Return validated options; callers without a type checker may pass strings for some.

    Raises:
        InvalidRequest: an option cannot be used; `field` names it.
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
            except (ValueError, RecursionError) as error:  # it contains itself
                raise TypeError(f"JSON cannot represent the request: {error}") from error
        case _:
            kind = type(request).__name__
            raise TypeError(f"a request is JSON bytes or a mapping, not {kind}")
