"""`millracer status`: what goes on in a workspace, once or at every change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.cli.command import was_cancelled
from millracer.cli.commands.status_view import in_brief, status_lines
from millracer.cli.internal_errors import record_bug
from millracer.cli.option_groups import CommonOptions
from millracer.cli.preload import load_endings
from millracer.cli.signals import signals_cancel, signals_ignored
from millracer.cli.terminal.stderr import can_clear, printable, say_error
from millracer.cli.terminal.stdout import OutputLost, has_reader, print_text
from millracer.cli.workspace import SelectedWorkspace, find_place
from millracer.domain.result import exit_code_of_cancel, exit_code_of_error
from millracer.domain.status import WorkspaceStatus
from millracer.errors import ExitCode, MillracerError, RunWarning
from millracer.operations.session_memory import SessionMemory
from millracer.operations.status import look_at
from millracer.ports import Backend
from millracer.schemas.status import (
    StatusResult,
    describe_overview,
    render_status,
    render_status_line,
    status_refused,
)
from millracer.wiring import open_store

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look, and what it is to be told with."""

    overview: WorkspaceStatus
    place: SelectedWorkspace
    warnings: tuple[RunWarning, ...]

    @property
    def document(self) -> StatusResult:
        return describe_overview(self.overview, self.place.resolution, self.warnings)


def status(common: CommonOptions, *, as_json: bool, watch: bool) -> int:
    """Tell what goes on and return the exit code."""
    load_endings()
    cancellation = Cancellation()
    try:
        with closing(common.programs), signals_cancel(cancellation):
            if watch:
                return _watch(common, cancellation, as_json=as_json)
            place, warnings, millrace = _open(common)
            overview = look_at(millrace, Wait(cancellation))
    except Cancelled as cancelled:
        return _cancelled(cancelled.reason, as_json=as_json and not watch)
    except MillracerError as error:
        return _refused(error, as_json=as_json)
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
        return _refused(record_bug(error), as_json=as_json)
    with signals_ignored():
        _print(_Look(overview=overview, place=place, warnings=warnings), as_json=as_json)
    return _exit_code(overview)


def _print(look: _Look, *, as_json: bool) -> None:
    if as_json:
        for error in look.overview.errors:
            say_error(error.message, error.suggested_action)
        print_text(render_status(look.document))
    else:
        print_text(printable("\n".join(status_lines(look.document))))


def _watch(common: CommonOptions, cancellation: Cancellation, *, as_json: bool) -> int:
    """Tell at every change, until a signal comes or nobody reads any more."""
    place, warnings, millrace = _open(common)
    tell = _teller(as_json=as_json)
    told: WorkspaceStatus | None = None
    with closing(millrace.supervisor.observe()) as observer:
        while True:
            observer.next_change(Wait(cancellation))
            overview = look_at(millrace, Wait(cancellation))
            if told is None or not overview.tells_the_same(told):
                told = overview
                print_text(tell(_Look(overview=overview, place=place, warnings=warnings).document))
                if not has_reader():
                    return ExitCode.COMPLETED


def _teller(*, as_json: bool) -> Callable[[StatusResult], str]:
    """Return what puts one status into the form in which it is told."""
    if as_json:
        return render_status_line
    if not (sys.stdout.isatty() and can_clear()):
        return lambda document: printable(in_brief(document))
    return lambda document: _CLEAR + printable("\n".join(status_lines(document)))


def _open(common: CommonOptions) -> tuple[SelectedWorkspace, tuple[RunWarning, ...], Backend]:
    with open_store() as store:
        memory = SessionMemory(store)
        place = find_place(common.workspace, common.session_id, memory)
        warnings = (*place.warnings, *memory.warnings)
    root_path = str(place.workspace)
    millrace = common.programs.millrace(root_path, common.options.for_workspace(root_path).options)
    return place, warnings, millrace


def _exit_code(overview: WorkspaceStatus) -> ExitCode:
    if overview.errors:
        return exit_code_of_error(overview.errors[0].code)
    return ExitCode.COMPLETED


def _refused(error: MillracerError, *, as_json: bool) -> int:
    say_error(error.message, error.suggested_action)
    if as_json:
        print_text(render_status(status_refused(error)))
    return exit_code_of_error(error.code)


def _cancelled(reason: CancelReason, *, as_json: bool) -> int:
    if as_json:
        print_text(render_status(status_refused(was_cancelled(reason))))
    return exit_code_of_cancel(reason)
