"""The operator's prompt on a terminal: line editing, history, completion, multi-line input.

Only this module imports prompt_toolkit.
"""

from __future__ import annotations

import sys
import termios
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

from millracer.cancellation import Cancelled, CancelReason
from millracer.cli.operator.prompt import PROMPT, Lines
from millracer.cli.process.signals import ending_told
from millracer.cli.terminal.stdin import unreadable
from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.operator.input_line import COMMANDS, CommandName
from millracer.redaction.process import redact

Names = Callable[[], Sequence[str]]


class TerminalLines(Lines):
    """A person at a prompt.

    Args:
        history: the file with earlier input, None to keep none.
        workspaces: returns the ids that may follow `/workspace`; called at each completion.
        modes: returns the names that may follow `/mode`; must not block.
    """

    interactive = True
    echoed = False

    def __init__(self, *, history: Path | None, workspaces: Names, modes: Names) -> None:
        self._ending: CancelReason | None = None
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=_continue,
            history=InMemoryHistory() if history is None else _KeptHistory(str(history)),
            completer=OperatorCompleter(workspaces, modes),
            complete_while_typing=False,
            key_bindings=_keys(),
            output=create_output(sys.stdout if sys.stdout.isatty() else sys.stderr),
        )

    def next(self) -> str | None:
        """Let the person edit the next line or block of lines.

        Raises:
            KeyboardInterrupt: the person cleared the line.
            Cancelled: a signal requested the end.
            UsageError: the terminal belongs to another job, or is gone.
        """
        try:
            with ending_told(self._request_end):
                line = self._session.prompt(pre_run=self._end_if_requested)
        except EOFError:
            return None
        except termios.error as error:
            raise unreadable(OSError(*error.args)) from error
        if self._ending is not None:
            raise Cancelled(self._ending)
        return _as_text(line)

    def _request_end(self, reason: CancelReason) -> None:
        self._ending = reason
        loop = self._session.app.loop
        if loop is not None:
            loop.call_soon_threadsafe(self._end_if_requested)

    def _end_if_requested(self) -> None:
        app = self._session.app
        if self._ending is not None and app.future is not None and not app.future.done():
            app.exit(exception=Cancelled(self._ending))


class _KeptHistory(FileHistory):
    """Best-effort history: a full disk does not end a session."""

    def load_history_strings(self) -> Iterable[str]:
        """Yield the entries, newest first."""
        with suppress(OSError):
            yield from super().load_history_strings()

    def store_string(self, string: str) -> None:
        """Add one redacted entry."""
        with suppress(OSError):
            super().store_string(redact(string))


class OperatorCompleter(Completer):
    """Completes commands and their arguments."""

    def __init__(self, workspaces: Names, modes: Names) -> None:
        self._following: dict[str, Names] = {
            CommandName.WORKSPACE: workspaces,
            CommandName.MODE: modes,
            CommandName.ROUTE: lambda: list(RoutePreference),
            CommandName.INTAKE: lambda: list(IntakePreference),
            CommandName.LAST: lambda: ["json"],
        }
        self._paths = PathCompleter(only_directories=True, expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Yield the completions at the cursor; none in a task."""
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        word, blank, argument = text[1:].partition(" ")
        if not blank:
            for name in COMMANDS:
                if name.startswith(word):
                    yield Completion(
                        name, start_position=-len(word), display_meta=COMMANDS[name][1]
                    )
            return
        for candidate in self._following.get(word, list)():
            if candidate.startswith(argument):
                yield Completion(candidate, start_position=-len(argument))
        if word == CommandName.WORKSPACE and ("/" in argument or argument.startswith("~")):
            yield from self._paths.get_completions(
                Document(argument, len(argument)), complete_event
            )


def _continue(width: int, _line: int, wraps: int) -> str:
    """Return the prefix of a further line; a wrapped line gets blanks, a new one a mark."""
    return " " * width if wraps else f"{'· ':>{width}}"


def _as_text(typed: str) -> str:
    """Replace bytes from the terminal that are not valid text."""
    return typed.encode("utf-8", "replace").decode()


def _keys() -> KeyBindings:
    """Return the key bindings: Enter sends, Alt-Enter begins a new line.

    A pasted block arrives as one text without them.
    """
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
