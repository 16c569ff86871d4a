"""`handle_request`: the ops boundary for Python programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from millracer.api.listener import OnProgress, listening
from millracer.api.options import checked_options
from millracer.cancellation import Cancellation
from millracer.domain.run.options import RunOptions
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.operations.ops.gateway import CommandDefaults
from millracer.operations.options import OptionLayers, values_of
from millracer.programs.discovery import resolve_programs
from millracer.schemas.base import redacted
from millracer.schemas.ops.request import InvalidOpsRequest, OpsRequest, read_ops_request
from millracer.schemas.ops.result import OpsResult
from millracer.wiring import open_gateway
from millracer.wiring.tool_factory import ProgramFactory

_BY_DEFAULT: Final = RunOptions()


def handle_request(  # noqa: PLR0913 - all but one are optional
    request: OpsRequest | Mapping[str, object] | bytes,
    *,
    workspace: str | os.PathLike[str] | None = None,
    session_id: str = LOCAL_SESSION,
    options: RunOptions = _BY_DEFAULT,
    on_progress: OnProgress | None = None,
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
    defaults = CommandDefaults(
        options=OptionLayers(given=values_of(checked_options(options))),
        workspace=None if workspace is None else os.fspath(workspace),
        session_id=session_id,
    )
    found = resolve_programs({"millrace_command": millrace_command, "pi_command": pi_command})
    with (
        listening(on_progress) as listeners,
        closing(ProgramFactory(found=found, listeners=listeners)) as programs,
    ):
        return answer_request(request, programs, defaults, cancellation or Cancellation())


def answer_request(
    request: OpsRequest | Mapping[str, object] | bytes,
    programs: ProgramFactory,
    defaults: CommandDefaults,
    cancellation: Cancellation,
) -> OpsResult:
    """Answer one ops request with programs that the caller closes, and return its result.

    Args:
        request: as for `handle_request`.
        programs: pi and Millrace, with the listeners of the run.
        defaults: what the request does not set.
        cancellation: stops the run.

    Raises:
        TypeError: the request is of another type, or holds a value that JSON cannot represent.
    """
    raw = _as_json(request)
    with open_gateway(programs, defaults) as gateway:
        try:
            read = read_ops_request(raw)
        except InvalidOpsRequest as error:
            answer = gateway.refuse_unreadable(error)
        else:
            answer = gateway.handle(read, cancellation)
    return redacted(answer.result)


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
