"""`run_task`: one task with a client of its own."""

from __future__ import annotations

import os
from typing import Final

from millracer.api.client import Client
from millracer.api.listener import OnProgress
from millracer.cancellation import Cancellation
from millracer.domain.run.options import RunOptions
from millracer.schemas.run.document import RunResultDocument

_BY_DEFAULT: Final = RunOptions()


def run_task(  # noqa: PLR0913 - all but two are optional
    task: str,
    *,
    workspace: str | os.PathLike[str],
    options: RunOptions = _BY_DEFAULT,
    request_id: str | None = None,
    on_progress: OnProgress | None = None,
    cancellation: Cancellation | None = None,
    millrace_command: str | None = None,
    pi_command: str | None = None,
) -> RunResultDocument:
    """Run one task to its end, as `Client.run` does, with a client of its own.

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
    with Client(
        workspace, options=options, millrace_command=millrace_command, pi_command=pi_command
    ) as client:
        return client.run(
            task, request_id=request_id, on_progress=on_progress, cancellation=cancellation
        )
