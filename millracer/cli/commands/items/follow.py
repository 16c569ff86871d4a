"""`millracer logs --follow`: each stage's transcript when it ends."""

from __future__ import annotations

from contextlib import closing

from millracer.cancellation import Cancellation, Wait
from millracer.cli.command import completed
from millracer.cli.commands.items.logs import logs_text, say_incomplete
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say_error, say_warnings
from millracer.cli.terminal.stdout import has_reader, print_shown, print_text
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.operations.requests import LogsRequest
from millracer.errors import ExitCode, MillracerError
from millracer.operations.control import require_workspace
from millracer.operations.items.find_item import find_item
from millracer.operations.items.follow_logs import follow_logs
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.base import render, render_line
from millracer.schemas.items.item import describe_logs, describe_logs_failure
from millracer.wiring import open_store
from millracer.wiring.workspace import find_place


def follow(common: CommonOptions, request: LogsRequest, *, as_json: bool) -> int:
    """Print each transcript until the item's work ends, a signal arrives or the reader ends."""
    load_endings()
    cancellation = Cancellation()

    def work() -> ExitCode:
        with closing(common.programs), signals_cancel(cancellation):
            return _follow(common, request, cancellation, as_json=as_json)

    def failed(error: MillracerError) -> ExitCode:
        if not isinstance(error, CallerCancelled):
            say_error(error.message, error.suggested_action)
            if as_json:
                print_text(render(describe_logs_failure(error)))
        return exit_code_of_failure(error)

    return completed(work, failed)


def _follow(
    common: CommonOptions, request: LogsRequest, cancellation: Cancellation, *, as_json: bool
) -> ExitCode:
    with open_store() as store:
        memory = SessionMemory(store)
        place = find_place(common.workspace, common.session_id, memory)
        say_warnings((*place.warnings, *memory.warnings))
    options = common.options.for_workspace(place.root_path).options
    millrace = common.programs.millrace(place.root_path, options)
    wait = Wait(cancellation)
    require_workspace(millrace, wait)
    item_status = find_item(request.work_item_id, millrace, wait)
    for log in follow_logs(item_status, request.stage, millrace, wait):
        result = describe_logs(millrace.workspace, item_status.item_id, (log,), raw=request.raw)
        if as_json:
            print_text(render_line(result))
        else:
            say_incomplete(result)
            print_shown(logs_text(result, raw=request.raw))
        if not has_reader():
            break
    return ExitCode.COMPLETED
