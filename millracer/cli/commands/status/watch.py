"""`millracer status --watch`: the status at every change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from millracer.cancellation import Cancellation, Wait
from millracer.cli.commands.status.view import in_brief, status_lines
from millracer.cli.operation_calls import conclude
from millracer.cli.options.common import CommonOptions
from millracer.cli.terminal.stderr import can_clear, printable, say_errors
from millracer.cli.terminal.stdout import has_reader, print_text
from millracer.domain.failures import CallerCancelled
from millracer.domain.operations import OperationName
from millracer.domain.status import WorkspaceStatus
from millracer.errors import ExitCode, MillracerError
from millracer.operations.answer import Answer
from millracer.operations.registry import fail
from millracer.operations.session.memory import SessionMemory
from millracer.operations.status import read_status
from millracer.schemas.base import render, render_line
from millracer.schemas.status import StatusResult, describe_overview
from millracer.wiring.workspace import find_place

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def watch_status(common: CommonOptions, *, as_json: bool) -> int:
    """Print the status at every change until a signal arrives or the reader ends."""

    def work(memory: SessionMemory, cancellation: Cancellation) -> Answer[StatusResult | None]:
        return _watch(common, memory, cancellation, as_json=as_json)

    def failed(error: MillracerError) -> Answer[StatusResult | None]:
        answer: Answer[StatusResult | None] = fail(OperationName.STATUS, error)
        if isinstance(error, CallerCancelled):  # the usual end
            return replace(answer, result=None)
        return answer

    def report(answer: Answer[StatusResult | None]) -> None:
        if answer.result is not None:
            say_errors(answer.result.errors)
            if as_json:
                print_text(render(answer.result))

    return conclude(common, work, failed=failed, report=report)


def _watch(
    common: CommonOptions, memory: SessionMemory, cancellation: Cancellation, *, as_json: bool
) -> Answer[StatusResult | None]:
    place = find_place(common.workspace, common.session_id, memory)
    warnings = (*place.warnings, *memory.warnings)
    options = common.options.for_workspace(place.root_path).options
    millrace = common.programs.millrace(place.root_path, options)
    show = _renderer(as_json=as_json)
    shown: WorkspaceStatus | None = None
    with closing(millrace.supervisor.observe()) as observer:
        while True:
            observer.next_change(Wait(cancellation))
            overview = read_status(millrace, Wait(cancellation))
            if shown is None or not overview.is_same_status(shown):
                shown = overview
                print_text(show(describe_overview(overview, place.resolution, warnings)))
                if not has_reader():
                    return Answer(result=None, exit_code=ExitCode.COMPLETED)


def _renderer(*, as_json: bool) -> Callable[[StatusResult], str]:
    """Return the function that renders one status."""
    if as_json:
        return render_line
    if not (sys.stdout.isatty() and can_clear()):
        return lambda document: printable(in_brief(document))
    return lambda document: _CLEAR + printable("\n".join(status_lines(document)))
