"""Standard output: exactly one document, whatever happens meanwhile."""

from __future__ import annotations

import io
import os
import select
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from millracer.interfaces.signals import signals_ignored

_READER_LEFT = (BrokenPipeError, ConnectionResetError)

if TYPE_CHECKING:  # the command line knows the formats, and need not know what is printed
    from typing_extensions import Buffer

    from millracer.domain.result import RunResult


class OutputFormat(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


class OutputLost(Exception):
    """A document could not be written although somebody may wait for it; the text says why."""


def print_document(result: RunResult, output: OutputFormat) -> None:
    """Print a run's one document.

    Raises:
        OutputLost: as `print_text`.
    """
    if output is OutputFormat.TEXT:
        print_words(result.output)
        return
    from millracer.contracts.run_result import render_result  # noqa: PLC0415 - `--help` prints none

    print_text(render_result(result))


def print_words(text: str) -> None:
    """Print what somebody said: without secrets, and on a terminal without what would steer it.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.interfaces.terminal import printable  # noqa: PLC0415 - `--help` prints none
    from millracer.secrecy import redact  # noqa: PLC0415

    print_text(printable(text) if sys.stdout.isatty() else redact(text))


def print_text(document: str) -> None:
    """Print one document that holds no secrets.

    A signal does not cut it, a reader that left is no error.

    Raises:
        OutputLost: the disk is full, or whatever else keeps it from being written.
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
    """Drop what could not be written: the interpreter's last flush would add a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _StandardOutput(io.FileIO):
    """The descriptor, below whatever collects what is written."""

    is_written_to = False

    def write(self, data: Buffer, /) -> int:
        """Write, and wait where the caller does not let the descriptor block.

        Raises:
            OutputLost: as `print_text`.
        """
        self.is_written_to = True
        try:
            while (written := super().write(data)) is None:
                self._wait()
        except OSError as error:
            lost = output_lost(error)
            if lost is not None:
                raise lost from error
            return memoryview(data).nbytes
        return written

    def _wait(self) -> None:
        writable = select.poll()
        writable.register(self, select.POLLOUT)
        writable.poll()


def output_lost(error: OSError) -> OutputLost | None:
    """Return what to tell of standard output that could not be written; None: its reader left."""
    if isinstance(error, _READER_LEFT):
        return None
    return OutputLost(f"standard output cannot be written: {error.strerror}; the result is lost")
