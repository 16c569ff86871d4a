"""`millracer status --watch`: the status at every change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing

from millracer.cancellation import Cancellation, Wait
from millracer.cli.command import completed
from millracer.cli.commands.status.view import in_brief, status_lines
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import can_clear, printable, say_error
from millracer.cli.terminal.stdout import has_reader, print_text
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.status import WorkspaceStatus
from millracer.errors import ExitCode, MillracerError
from millracer.operations.session_memory import SessionMemory
from millracer.operations.status import read_status
from millracer.schemas.base import render, render_line
from millracer.schemas.status import StatusResult, describe_failure, describe_overview
from millracer.wiring import open_store
from millracer.wiring.workspace import find_place

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def watch_status(common: CommonOptions, *, as_json: bool) -> int:
    """Print the status at every change until a signal arrives or the reader ends."""
    load_endings()
    cancellation = Cancellation()

    def work() -> ExitCode:
        with closing(common.programs), signals_cancel(cancellation):
            return _watch(common, cancellation, as_json=as_json)

    def failed(error: MillracerError) -> ExitCode:
        if not isinstance(error, CallerCancelled):
            say_error(error.message, error.suggested_action)
            if as_json:
                print_text(render(describe_failure(error)))
        return exit_code_of_failure(error)

    return completed(work, failed)


def _watch(common: CommonOptions, cancellation: Cancellation, *, as_json: bool) -> ExitCode:
    with open_store() as store:
        memory = SessionMemory(store)
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
                    return ExitCode.COMPLETED


def _renderer(*, as_json: bool) -> Callable[[StatusResult], str]:
    """Return the function that renders one status."""
    if as_json:
        return render_line
    if not (sys.stdout.isatty() and can_clear()):
        return lambda document: printable(in_brief(document))
    return lambda document: _CLEAR + printable("\n".join(status_lines(document)))
