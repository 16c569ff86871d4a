"""Bounded capture of a subprocess's output: all of stdout, head and tail of stderr."""

from __future__ import annotations

import math
import os
import re
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import IO

from millracer.errors import ToolFailed

#: The limit of standard output; a longer answer is an error.
WHOLE_LIMIT_BYTES = 64 * 1024 * 1024
_END_BYTES = 16 * 1024
_CHUNK_BYTES = 256 * 1024
#: The longest time between two calls of the caller's check.
SLICE_SECONDS = 0.1
#: Terminal control sequences, such as colours and titles.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def without_control_sequences(text: str) -> str:
    """Return a text without terminal control sequences."""
    return _ANSI.sub("", text)


class OutputTooLong(ToolFailed):
    """A tool wrote more than the limit to standard output."""


class Whole:
    """Keeps all of a tool's standard output, up to a limit."""

    def __init__(self, tool: str, limit: int = WHOLE_LIMIT_BYTES) -> None:
        self._tool = tool
        self._limit = limit
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Append the next bytes.

        Raises:
            OutputTooLong: the output is longer than the limit.
        """
        self._data += chunk
        if len(self._data) > self._limit:
            raise OutputTooLong(
                self._tool,
                f"{self._tool} wrote more than {self._limit // 2**20} MiB to standard output",
                suggested_action=f"run `millracer doctor` to see which `{self._tool}` is used",
            )

    @property
    def data(self) -> bytes:
        """The output so far."""
        return bytes(self._data)

    @property
    def text(self) -> str:
        """The output so far as text; undecodable bytes are replaced."""
        return self._data.decode("utf-8", "replace")


class Ends:
    """Keeps the head and the tail of a stream of any length."""

    def __init__(self, limit: int = _END_BYTES) -> None:
        self._limit = limit
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def feed(self, chunk: bytes) -> None:
        """Append the next bytes."""
        room = self._limit - len(self._head)
        self._head += chunk[:room]
        tail = self._tail + chunk[room:]
        self._left_out += max(0, len(tail) - self._limit)
        self._tail = tail[-self._limit :]

    @property
    def text(self) -> str:
        """Head and tail, with a line for the omitted bytes; undecodable bytes are replaced."""
        gap = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        return (self._head + gap + self._tail).decode("utf-8", "replace")

    def lines(self) -> tuple[str, ...]:
        """Return the text as lines, without colours and empty lines."""
        text = without_control_sequences(self.text)
        return tuple(line.strip() for line in text.splitlines() if line.strip())


class Output:
    """Captures both outputs of one process.

    Args:
        tool: the tool's name, for errors.
        limit: of standard output, in bytes.
    """

    def __init__(self, tool: str, *, limit: int = WHOLE_LIMIT_BYTES) -> None:
        self.stdout = Whole(tool, limit)
        self.stderr = Ends()


def collect(
    process: subprocess.Popen[bytes],
    output: Output,
    check: Callable[[], None],
    *,
    stdin: bytes | None = None,
    last_words_seconds: float = math.inf,
) -> int:
    """Read both outputs of a process to their ends and return its exit code.

    Args:
        process: its pipes are closed as they end.
        output: receives its output.
        check: called several times a second; an exception it raises ends the capture.
        stdin: written to its standard input, which is then closed; None if that is not a pipe.
        last_words_seconds: how long outputs are read after the process has ended. Another process
            may have inherited them, so they may never end.

    Raises:
        OutputTooLong: standard output is longer than the limit.
    """
    limit = math.inf
    with selectors.DefaultSelector() as selector:
        pipes = _Pipes(selector, stdin or b"")
        pipes.read(process.stdout, output.stdout)
        pipes.read(process.stderr, output.stderr)
        if stdin is not None:
            pipes.write(process.stdin)
        while selector.get_map() and time.monotonic() < limit:
            any_ready = pipes.serve()
            if selector.get_map():
                check()
            if last_words_seconds < math.inf and process.poll() is not None:
                if not any_ready:
                    break
                limit = min(limit, time.monotonic() + last_words_seconds)
    while True:
        try:
            return process.wait(SLICE_SECONDS)
        except subprocess.TimeoutExpired:
            check()


class _Pipes:
    """The pipes of one process, served without blocking."""

    def __init__(self, selector: selectors.BaseSelector, unsent: bytes) -> None:
        self._selector = selector
        self._unsent = memoryview(unsent)

    def read(self, pipe: IO[bytes] | None, sink: Whole | Ends) -> None:
        """Register a pipe that is read to its end."""

        def serve(descriptor: int) -> bool:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            sink.feed(chunk)
            return bool(chunk)

        self._register(pipe, selectors.EVENT_READ, serve)

    def write(self, pipe: IO[bytes] | None) -> None:
        """Register a pipe to which the unsent bytes are written."""
        self._register(pipe, selectors.EVENT_WRITE, self._send)

    def serve(self) -> bool:
        """Serve the pipes that become ready within `SLICE_SECONDS`; return whether any did."""
        ready = self._selector.select(SLICE_SECONDS)
        for key, _ in ready:
            pipe, serve = key.data
            if not serve(key.fd):
                self._selector.unregister(pipe)
                pipe.close()
        return bool(ready)

    def _register(self, pipe: IO[bytes] | None, event: int, serve: Callable[[int], bool]) -> None:
        assert pipe is not None  # noqa: S101 - opened as a pipe
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, event, (pipe, serve))

    def _send(self, descriptor: int) -> bool:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            return False  # the process stopped reading; its exit code says why
        return bool(self._unsent)
