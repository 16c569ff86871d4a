"""Standard output: exactly one document, whatever happens meanwhile.

A reader may be late: without a signal it is waited for without a limit. After a signal it has a
short time to take the document; then the process gives the document up and ends.
"""

from __future__ import annotations

import io
import select
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from millracer.cli.signals import first_signal, signals_ignored
from millracer.cli.terminal.writer import DescriptorWriter

if TYPE_CHECKING:  # the command line knows the formats, and need not know what is printed
    from typing_extensions import Buffer

    from millracer.cancellation import CancelReason
    from millracer.domain.result import RunResult


_READER_LEFT = (BrokenPipeError, ConnectionResetError)

#: After a signal a document waits so long for its reader. With what ending the work may take
#: before (`STOP_SECONDS`), the process ends within 20 s of the signal.
_LAST_READING_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class OutputFormat(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


class OutputLost(Exception):
    """A document could not be written although somebody may wait for it; the text says why."""

    suggested_action = "free disk space, or redirect standard output"


class OutputUnread(OutputLost):
    """A signal came while the reader stood still; what it had not taken by then is lost."""

    suggested_action = (
        "run the command again and read its standard output, or redirect it to a file"
    )

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(f"no process read standard output ({reason}); the result is lost")
        self.reason = reason


def print_document(result: RunResult, output: OutputFormat) -> None:
    """Print a run's one document.

    Raises:
        OutputLost: as `print_text`.
    """
    if output is OutputFormat.TEXT:
        print_words(result.output)
        return
    from millracer.schemas.run_result import render_result  # noqa: PLC0415 - `--help` prints none

    print_text(render_result(result))


def print_words(text: str) -> None:
    """Print what somebody said: without secrets, and on a terminal without what would steer it.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.cli.terminal.stderr import printable  # noqa: PLC0415 - `--help` prints none
    from millracer.redaction.process import redact  # noqa: PLC0415

    print_text(printable(text) if sys.stdout.isatty() else redact(text))


def print_text(document: str) -> None:
    """Print one document that holds no secrets.

    A signal cuts it only where the reader stands still; a reader that left is no error.

    Raises:
        OutputLost: the disk is full, or whatever else keeps it from being written.
        OutputUnread: a signal came, and the reader did not take it in time.
    """
    with signals_ignored():
        sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()


def has_reader() -> bool:
    """Whether there may still be somebody who reads standard output; of a pipe the system knows."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def own_standard_output() -> None:
    """Let everybody's writes to standard output fail as `print_text` does: `--help` is not ours."""
    named = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_StandardOutput(named.fileno(), "w", closefd=False)),
        encoding=named.encoding,
        errors=named.errors,
        line_buffering=named.isatty(),
    )


def is_written_to() -> bool:
    """Whether standard output, since it is ours, carries anything already."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    return isinstance(raw, _StandardOutput) and raw.is_written_to


def silence_standard_output() -> None:
    """Drop what could not be written, and all that comes: the last flush would try it again."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    if isinstance(raw, _StandardOutput):
        raw.is_silent = True


def finish_standard_output() -> None:
    """Write without a thread from here on: at the interpreter's own end there is no other."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    if isinstance(raw, _StandardOutput):
        raw.is_finished = True


class _StandardOutput(io.FileIO):
    """The descriptor, below whatever collects what is written."""

    is_written_to = False
    is_silent = False
    is_finished = False

    def __init__(self, descriptor: int, mode: str, *, closefd: bool) -> None:
        super().__init__(descriptor, mode, closefd=closefd)
        self._writer = DescriptorWriter(descriptor)

    def write(self, data: Buffer, /) -> int:
        """Write, and wait for the reader.

        Raises:
            OutputLost, OutputUnread: as `print_text`.
        """
        self.is_written_to = True
        chunk = bytes(data)
        if self.is_silent:
            return len(chunk)
        if self.is_finished:
            return super().write(chunk) or len(chunk)
        try:
            self._writer.give(chunk)
            self._wait()
        except BaseException:  # its rest may be written yet: nothing may follow it
            self.is_silent = True
            raise
        error = self._writer.take_error()
        lost = None if error is None else output_lost(error)
        if lost is not None:
            raise lost from error
        return len(chunk)

    def _wait(self) -> None:
        began = time.monotonic()
        while not self._writer.wait(_LOOK_SECONDS):
            seen = first_signal()
            if seen is None:
                continue
            if time.monotonic() > max(began, seen.at) + _LAST_READING_SECONDS:
                raise OutputUnread(seen.reason)


def output_lost(error: OSError) -> OutputLost | None:
    """Return what to tell of standard output that could not be written; None: its reader left."""
    if isinstance(error, _READER_LEFT):
        return None
    return OutputLost(f"standard output cannot be written: {error.strerror}; the result is lost")
