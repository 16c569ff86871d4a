"""Run a server until a signal stops it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from millracer.cancellation import Cancellation
from millracer.cli.command import report_failure
from millracer.cli.commands.malloc_tuning import share_one_heap
from millracer.cli.commands.serve import running
from millracer.cli.internal_errors import record_bug
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say, say_errors
from millracer.domain.failures import exit_code_of_cancel
from millracer.domain.operations import load
from millracer.errors import ExitCode, MillracerError, UsageError
from millracer.logs import also_emit_lines
from millracer.operations.session.memory import SessionMemory
from millracer.redaction.process import learn_environment
from millracer.schemas.serve.result import ServeResult
from millracer.serve.settings import ServeSettings
from millracer.wiring import BackendFactory, open_directories, open_store
from millracer.wiring.preload import load_answers, load_fleet
from millracer.wiring.user_files import log_to_file
from millracer.wiring.workspace import find_place

_LIBRARIES = ("starlette", "uvicorn")


def serve(
    common: CommonOptions,
    settings: ServeSettings,
    workspaces: Sequence[Path],
    *,
    open_page: bool,
    as_json: bool,
) -> int:
    """Serve until a signal, or print the link of a server that runs; return the exit code.

    Args:
        common: the common options.
        settings: the settings without workspaces.
        workspaces: the workspaces that the command line names.
        open_page: open the page in a browser.
        as_json: print a document instead of the link.

    Raises:
        UsageError: the settings cannot be used.
    """
    try:
        _require_libraries()
        settings = replace(settings, workspaces=_paths(workspaces))
        same = running.find_same(settings)
        if same is None:
            return _serve(common, settings, open_page=open_page, as_json=as_json)
    except UsageError:
        raise
    except MillracerError as error:
        return report_failure(sys.argv[1:], error)
    running.show(same, as_json=as_json)
    say(f"a server runs already (process {same.pid})")
    if open_page:
        _open(same)
    return ExitCode.COMPLETED


def _serve(
    common: CommonOptions, settings: ServeSettings, *, open_page: bool, as_json: bool
) -> int:
    share_one_heap()
    load_endings()
    load_answers()
    if settings.fleet is not None:
        load_fleet()
    also_emit_lines(logging.INFO, log_to_file())

    def announce(result: ServeResult) -> None:
        learn_environment({"MILLRACER_SERVE_TOKEN": result.token or ""})
        running.show(result, as_json=as_json)
        say("stop the server with Ctrl-C")
        if open_page:
            _open(result)

    def report_bug(error: Exception) -> MillracerError:
        bug = record_bug(error)
        say_errors((bug,))
        return bug

    programs = replace(common.programs, backends=BackendFactory(keep_statuses=True))
    programs.warm_up(common.options.anywhere.options)
    cancellation = Cancellation()
    server = load("millracer.serve.server:MillracerServer")(
        settings,
        load("millracer.serve.server:ServerTools")(
            programs=programs,
            options=common.options,
            announce=announce,
            report_bug=report_bug,
            reads_ahead=True,
        ),
        cancellation,
    )
    try:
        with signals_cancel(cancellation, then=server.wake):
            server.serve()
    finally:
        programs.close()
    return exit_code_of_cancel(cancellation.reason)


def _require_libraries() -> None:
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise MillracerError(
            f"the server needs libraries that are not installed: {', '.join(missing)}",
            code="extra_missing",
            suggested_action="pip install 'millracer[serve]'",
        )


def _paths(named: Sequence[Path]) -> tuple[str, ...]:
    """Return the workspaces that the command serves beside the registered ones.

    Without names it is the current directory if that is a workspace, or if none is registered.
    """
    with open_store() as store:
        memory = SessionMemory(store)
        if named:
            found = (find_place(each, None, memory).root_path for each in named)
            return tuple(dict.fromkeys(found))
        directories = open_directories()
        current = directories.current()
        if current is None:
            return ()
        is_alone = not memory.workspaces()
        return (current,) if is_alone or directories.is_workspace(current) else ()


def _open(result: ServeResult) -> None:
    import webbrowser  # noqa: PLC0415 - rarely needed

    if result.link is None or not webbrowser.open(result.link):
        say("no browser could be opened; open the link yourself")
