"""`millracer operator`: a prompt, one pi conversation, one task after another."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from contextlib import nullcontext, suppress

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.cli.command import completed
from millracer.cli.commands.items.logs import logs_text, say_incomplete
from millracer.cli.commands.items.show import item_lines
from millracer.cli.commands.status.view import status_lines
from millracer.cli.operator.prompt import Lines, PipedLines, PlainLines
from millracer.cli.operator.screen import input_unechoed
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import forget_signals, signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.layout import lay_out
from millracer.cli.terminal.patches import painted_patch
from millracer.cli.terminal.stderr import can_redraw, say, say_error, say_errors
from millracer.cli.terminal.stdout import print_answer, print_shown
from millracer.cli.terminal.style import Stream, is_terminal
from millracer.cli.terminal.task_screen import TaskScreen
from millracer.domain.failures import (
    CallerCancelled,
    exit_code_of_cancel,
    exit_code_of_failure,
)
from millracer.domain.run.result import exit_code_of
from millracer.errors import ExitCode, MillracerError, UsageError
from millracer.operator.session import Operator, Voice, Watching
from millracer.schemas.items.item import ItemResult, LogsResult
from millracer.schemas.status import StatusResult
from millracer.wiring import SystemClock, open_directories, open_store
from millracer.wiring.preload import load_run
from millracer.wiring.user_files import operator_history

_SESSION = "operator"
_READY = "Millracer operator ready. Type /exit to quit."
_MODES_SECONDS = 20.0


class _Streams(Voice):
    def answer(self, text: str) -> None:
        """Write to standard output, on a terminal rendered."""
        (print_answer if is_terminal(Stream.OUT) else print_shown)(text)

    def report(self, text: str) -> None:
        """Write to standard output, on a terminal with hanging indents."""
        print_shown(lay_out(text, Stream.OUT))

    def patch(self, text: str) -> None:
        """Write to standard output, on a terminal with colours."""
        print_shown(painted_patch(text))

    def document(self, text: str) -> None:
        """Write to standard output."""
        print_shown(text)

    def status(self, status: StatusResult) -> None:
        """Write to standard output, as `millracer status` does."""
        print_shown("\n".join(status_lines(status)))

    def item(self, item: ItemResult) -> None:
        """Write to standard output, as `millracer show` does."""
        if item.item is not None:
            print_shown("\n".join(item_lines(item.item, item.workspace)))

    def logs(self, logs: LogsResult) -> None:
        """Write to standard output, as `millracer logs` does."""
        say_incomplete(logs)
        print_shown(logs_text(logs, raw=False))

    def note(self, text: str) -> None:
        """Write to standard error."""
        say(text)


def operator(common: CommonOptions) -> int:
    """Process lines until the person leaves, and return the exit code.

    For a pipe, that is the exit code of the first task that did not complete.
    """
    with open_store() as store:
        try:
            person = Operator(
                tools=common.programs,
                store=store,
                directories=open_directories(),
                clock=SystemClock(),
                voice=_Streams(),
                options=common.options,
                session_id=common.session_id or _SESSION,
                workspace=None if common.workspace is None else str(common.workspace),
                new_request_id=lambda: f"operator-{uuid.uuid4().hex}",
            )
        except MillracerError as error:
            return _refused(error)
        modes = _Modes(person)
        try:
            say(_READY)
            _load_all()
            person.greet()
            lines = _lines(person, modes)
            with nullcontext() if lines.echoed else input_unechoed():
                return _loop(person, lines)
        except UsageError as error:
            return _refused(error)
        finally:
            leaving = Cancellation()
            with signals_cancel(leaving):
                modes.close()
                person.close(leaving)
                common.programs.close()


def _load_all() -> None:
    """Load every module that a line may need: the package may be upgraded while this runs."""
    load_endings()
    load_run()
    if can_redraw():
        from millracer.cli.terminal import live_progress  # noqa: F401, PLC0415 - only terminals need it


def _refused(error: MillracerError) -> int:
    say_error(error.message, error.suggested_action)
    return ExitCode.USAGE


def _loop(person: Operator, lines: Lines) -> int:
    first = ExitCode.COMPLETED
    while not person.left:
        cancellation = Cancellation()
        try:
            line = lines.next()
            if line is None:
                break
            code = take(person, line, cancellation, interactive=lines.interactive)
            first = first or code
            if lines.interactive and line.strip() and not person.left:
                say("")
        except KeyboardInterrupt:
            continue
        except Cancelled as stopped:  # at or near the prompt
            say("")
            cancellation.cancel(stopped.reason)
        reason = cancellation.reason
        if reason is not None and not (lines.interactive and reason is CancelReason.INTERRUPTED):
            return exit_code_of_cancel(reason)
    return ExitCode.COMPLETED if lines.interactive else first


def take(person: Operator, line: str, cancellation: Cancellation, *, interactive: bool) -> ExitCode:
    """Process a line and return its exit code; a command counts as completed."""
    forget_signals()  # a signal that ended the previous line does not affect this one
    screen = TaskScreen()
    watching = Watching(
        cancellation=cancellation,
        listener=screen.story.listen,
        on_log=screen.story.log_opened,
        on_text=screen.stream if interactive else None,
    )

    def work() -> ExitCode:
        with signals_cancel(cancellation), input_unechoed():
            try:
                result = person.take(line, watching)
            finally:
                screen.end()
            if result is not None:
                person.report(result, streamed=screen.streamed)
            return ExitCode.COMPLETED if result is None else exit_code_of(result)

    def failed(error: MillracerError) -> ExitCode:
        if not isinstance(error, CallerCancelled):
            say_errors((error,))
            return exit_code_of_failure(error)
        say("stopped")
        if cancellation.reason is None:  # it arrived while the handlers changed
            cancellation.cancel(error.reason)
        return ExitCode.COMPLETED

    return completed(work, failed)


def _lines(person: Operator, modes: _Modes) -> Lines:
    if not sys.stdin.isatty():
        return PipedLines()
    if os.environ.get("TERM", "dumb") == "dumb":
        return PlainLines()
    from millracer.cli.operator.terminal import TerminalLines  # noqa: PLC0415 - only here

    return TerminalLines(
        history=operator_history(), workspaces=person.workspace_names, modes=modes.names
    )


class _Modes:
    """Millrace's modes for completion, read in a thread at the first completion."""

    def __init__(self, person: Operator) -> None:
        self._person = person
        self._cancellation = Cancellation()
        self._names: tuple[str, ...] = ()
        self._thread: threading.Thread | None = None

    def names(self) -> tuple[str, ...]:
        """Return the modes known by now; the first call starts to read them."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()
        return self._names

    def close(self) -> None:
        """Stop reading."""
        self._cancellation.cancel(CancelReason.INTERRUPTED)
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        with suppress(MillracerError, Cancelled):
            self._names = self._person.mode_names(
                Wait.for_seconds(_MODES_SECONDS, self._cancellation)
            )
