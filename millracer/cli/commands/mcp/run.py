"""Run the MCP server until standard input ends or a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

from millracer.cancellation import Cancellation, CancelReason
from millracer.cli.command import report_failure
from millracer.cli.commands.mcp.words import option_words
from millracer.cli.internal_errors import record_bug
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.terminal.stderr import say_errors
from millracer.domain.failures import exit_code_of_cancel
from millracer.domain.operations import NOT_FOR_WATCH, load
from millracer.errors import ExitCode, MillracerError
from millracer.logs import also_emit_lines
from millracer.mcp.actions import Actions
from millracer.mcp.places import OnePlace
from millracer.mcp.runners import DetachedRunner, HereRunner
from millracer.mcp.tools import offered
from millracer.operations.session.memory import SessionMemory
from millracer.wiring import BackendFactory, open_store
from millracer.wiring.preload import load_answers
from millracer.wiring.tool_factory import ProgramFactory
from millracer.wiring.user_files import log_to_file
from millracer.wiring.workspace import find_place

_LIBRARY = "mcp"
_SERVER = "millracer.mcp.server"


def serve(common: CommonOptions, *, allow_control: bool, runs_here: bool) -> int:
    """Serve until standard input ends or a signal comes; return the exit code.

    After a signal the process ends at once, since the thread that reads standard input cannot be
    interrupted.
    """
    try:
        require_library()
        with open_store() as store:
            place = OnePlace(find_place(common.workspace, None, SessionMemory(store)))
    except MillracerError as error:
        return report_failure(sys.argv[1:], error)
    load_answers()
    also_emit_lines(logging.INFO, log_to_file())
    programs = replace(common.programs, backends=BackendFactory(keep_statuses=True))
    cancellation = Cancellation()
    here = HereRunner(programs, common.options, cancellation)
    detached = DetachedRunner(options=option_words(common, but=NOT_FOR_WATCH))
    actions = Actions(
        tools=programs,
        options=common.options,
        places=place,
        runner=here if runs_here else detached,
        cancellation=cancellation,
    )

    def run_server() -> None:
        tools = load(f"{_SERVER}:ToolServer")(
            actions, offered(allow_control=allow_control), report_bug
        )
        server = load(f"{_SERVER}:make_server")(tools)
        load("millracer.mcp.tasks:add_tasks")(server, tools)
        asyncio.run(load(f"{_SERVER}:serve_stdio")(server))

    def await_end() -> None:
        actions.checks.await_end()
        here.await_end()

    return serve_until_end(run_server, programs, cancellation, at_end=await_end)


def serve_until_end(
    run_server: Callable[[], None],
    programs: ProgramFactory,
    cancellation: Cancellation,
    *,
    at_end: Callable[[], None] = lambda: None,
) -> int:
    """Run a server in a thread until standard input ends or a signal comes; return the exit code.

    Args:
        run_server: serves until standard input ends.
        programs: closed at the end.
        cancellation: cancelled at the end.
        at_end: called after that.
    """
    stopped = threading.Event()

    def serve_and_stop() -> None:
        try:
            run_server()
        except Exception as error:  # noqa: BLE001 - reported, and the command ends
            report_bug(error)
        finally:
            stopped.set()

    thread = threading.Thread(target=serve_and_stop, name="mcp", daemon=True)
    try:
        with signals_cancel(cancellation, then=stopped.set):
            thread.start()
            stopped.wait()
            reason = cancellation.reason
            cancellation.cancel(CancelReason.TERMINATED)
            at_end()
    finally:
        programs.close()
    if reason is None:
        return ExitCode.COMPLETED
    sys.stderr.flush()
    logging.shutdown()
    os._exit(exit_code_of_cancel(reason))


def report_bug(error: Exception) -> MillracerError:
    """Log a bug, write it to standard error, and return it as an error."""
    bug = record_bug(error)
    say_errors((bug,))
    return bug


def require_library() -> None:
    """Check that the library of the server is installed.

    Raises:
        MillracerError: it is missing.
    """
    if find_spec(_LIBRARY) is None:
        raise MillracerError(
            "the server needs a library that is not installed: mcp",
            code="extra_missing",
            suggested_action="pip install 'millracer[mcp]'",
        )
