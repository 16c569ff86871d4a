"""The operator's prompt on a real terminal: editing, history, completion, blocks of lines.

prompt_toolkit is imported here and nowhere else.
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
from millracer.cli.signals import ending_told
from millracer.cli.terminal.stdin import unreadable
from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.operator.input_line import COMMANDS, CommandName
from millracer.redaction.process import redact

Names = Callable[[], Sequence[str]]


class TerminalLines(Lines):
    """A person at a prompt.

    Args:
        history: the file that keeps what was typed across sessions, None to keep nothing.
        workspaces: the ids that may follow `/workspace`; asked while the person types.
        modes: the names that may follow `/mode`; must answer at once.
    """

    interactive = True

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
        """Let the person edit the next line, or block of lines.

        Raises:
            KeyboardInterrupt: the person cleared the line.
            Cancelled: a signal asked to end.
            UsageError: the terminal belongs to another job, or is gone.
        """
        try:
            with ending_told(self._tell_ending):
                line = self._session.prompt(pre_run=self._end_if_told)
        except EOFError:
            return None
        except termios.error as error:
            raise unreadable(OSError(*error.args)) from error
        if self._ending is not None:
            raise Cancelled(self._ending)
        return _as_text(line)

    def _tell_ending(self, reason: CancelReason) -> None:
        self._ending = reason
        loop = self._session.app.loop
        if loop is not None:
            loop.call_soon_threadsafe(self._end_if_told)

    def _end_if_told(self) -> None:
        app = self._session.app
        if self._ending is not None and app.future is not None and not app.future.done():
            app.exit(exception=Cancelled(self._ending))


class _KeptHistory(FileHistory):
    """What was typed, kept while that is possible: a full disk does not end a session."""

    def load_history_strings(self) -> Iterable[str]:
        """Yield what was kept, the newest first."""
        with suppress(OSError):
            yield from super().load_history_strings()

    def store_string(self, string: str) -> None:
        """Keep one more, without secrets."""
        with suppress(OSError):
            super().store_string(redact(string))


class OperatorCompleter(Completer):
    """Completes commands, and what may follow them."""

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
        """Yield what may stand at the cursor; nothing in a task."""
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
    """Return what stands before a further line; a mark only where the person began it."""
    return " " * width if wraps else f"{'· ':>{width}}"


def _as_text(typed: str) -> str:
    """Replace bytes that the terminal sent and that are no text."""
    return typed.encode("utf-8", "replace").decode()


def _keys() -> KeyBindings:
    """Enter sends, Alt-Enter begins a new line; a pasted block arrives as one text by itself."""
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
