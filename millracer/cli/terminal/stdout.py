"""Standard output: exactly one document in every case.

Without a signal, a write waits for a slow reader without a limit. After a signal the reader has a
short time to read the document; then the process discards the document and ends.
"""

from __future__ import annotations

import io
import select
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from millracer.cli.process.signals import first_signal, signals_ignored
from millracer.cli.terminal.writer import DescriptorWriter

if TYPE_CHECKING:  # parsing the command line does not need these
    from typing_extensions import Buffer

    from millracer.cancellation import CancelReason


_READER_LEFT = (BrokenPipeError, ConnectionResetError)

#: Longest wait for the reader after a signal. Together with the time for stopping the work
#: (`STOP_SECONDS`), the process ends within 20 s of the signal.
_LAST_READING_SECONDS = 2.0
_POLL_SECONDS = 0.1


class OutputFormat(StrEnum):
    """Format of standard output."""

    TEXT = "text"
    JSON = "json"


class OutputLost(Exception):
    """A document could not be written although a reader may wait; the text gives the cause."""

    suggested_action = "free disk space, or redirect standard output"


class OutputUnread(OutputLost):
    """A signal arrived while the reader was stalled; the unread rest is lost."""

    suggested_action = (
        "run the command again and read its standard output, or redirect it to a file"
    )

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(f"no process read standard output ({reason}); the result was not printed")
        self.reason = reason


def print_words(text: str) -> None:
    """Print external text, redacted, and on a terminal without control characters.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.cli.terminal.stderr import printable  # noqa: PLC0415 - `--help` does not need it
    from millracer.redaction.process import redact  # noqa: PLC0415 - the same

    print_text(printable(text) if sys.stdout.isatty() else redact(text))


def print_answer(text: str) -> None:
    """Print an answer of pi: rendered as Markdown on a terminal, as it is in a pipe.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.cli.terminal.stderr import printable  # noqa: PLC0415 - `--help` does not need it
    from millracer.cli.terminal.style import Stream, is_terminal, without_marks  # noqa: PLC0415 - as above

    if not is_terminal(Stream.OUT):
        print_words(text)
        return
    from millracer.cli.terminal.markdown import render_markdown  # noqa: PLC0415 - only terminals

    print_text(render_markdown(without_marks(printable(text))))


def print_summary(text: str) -> None:
    """Print how a run ended, without control characters; on a terminal with hanging indents.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.cli.terminal.style import Stream, is_terminal  # noqa: PLC0415 - as above

    if not is_terminal(Stream.OUT):
        print_shown(text)
        return
    from millracer.cli.terminal.layout import lay_out  # noqa: PLC0415 - only terminals need it

    print_shown(lay_out(text, Stream.OUT))


def print_shown(text: str) -> None:
    """Print text for a person: without secrets and control characters, with colours.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.cli.terminal.stderr import printable  # noqa: PLC0415 - `--help` does not need it
    from millracer.cli.terminal.style import resolve  # noqa: PLC0415 - the same

    print_text(resolve(printable(text)))


def print_text(document: str) -> None:
    """Print one document, which must not contain secrets.

    A signal interrupts it only if the reader is stalled; a closed pipe is ignored.

    Raises:
        OutputLost: it cannot be written, for example because the disk is full.
        OutputUnread: a signal arrived, and the reader did not read it in time.
    """
    with signals_ignored():
        sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()


def print_line(document: str) -> None:
    """Print one of several documents, from any thread; otherwise as `print_text`."""
    sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def has_reader() -> bool:
    """Whether standard output may still have a reader; certain only for a pipe."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def own_standard_output() -> None:
    """Make all writes to standard output, also those of `--help`, fail as `print_text` does."""
    named = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_StandardOutput(named.fileno(), "w", closefd=False)),
        encoding=named.encoding,
        errors=named.errors,
        line_buffering=named.isatty(),
    )


def is_written_to() -> bool:
    """Whether anything was written since `own_standard_output`."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    return isinstance(raw, _StandardOutput) and raw.is_written_to


def silence_standard_output() -> None:
    """Drop unwritten and further output, which the last flush would try to write again."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    if isinstance(raw, _StandardOutput):
        raw.is_silent = True


def finish_standard_output() -> None:
    """Write without a thread from now on: at interpreter shutdown there are no other threads."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    if isinstance(raw, _StandardOutput):
        raw.is_finished = True


class _StandardOutput(io.FileIO):
    """The descriptor below the text and buffer layers."""

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
        except BaseException:  # the rest may still be written: nothing may follow it
            self.is_silent = True
            raise
        error = self._writer.take_error()
        lost = None if error is None else output_lost(error)
        if lost is not None:
            raise lost from error
        return len(chunk)

    def _wait(self) -> None:
        began = time.monotonic()
        while not self._writer.wait(_POLL_SECONDS):
            seen = first_signal()
            if seen is None:
                continue
            if time.monotonic() > max(began, seen.at) + _LAST_READING_SECONDS:
                raise OutputUnread(seen.reason)


def output_lost(error: OSError) -> OutputLost | None:
    """Return the error for a failed write to standard output; None for a closed pipe."""
    if isinstance(error, _READER_LEFT):
        return None
    return OutputLost(
        f"standard output cannot be written: {error.strerror}; the result was not printed"
    )
