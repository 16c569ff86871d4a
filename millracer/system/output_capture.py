"""What a tool writes: standard output whole, of standard error its two ends, both bounded."""

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

#: More than this on standard output is no answer any more.
WHOLE_LIMIT_BYTES = 64 * 1024 * 1024
_END_BYTES = 16 * 1024
_CHUNK_BYTES = 256 * 1024
#: The longest wait before the caller may end the passage.
SLICE_SECONDS = 0.1
#: Terminal control sequences: colours, titles and their kind.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class OutputTooLong(ToolFailed):
    """A tool wrote more to standard output than can be kept."""


class Whole:
    """All that a tool writes to standard output."""

    def __init__(self, tool: str, limit: int = WHOLE_LIMIT_BYTES) -> None:
        self._tool = tool
        self._limit = limit
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            OutputTooLong: it has written more than the limit.
        """
        self._data += chunk
        if len(self._data) > self._limit:
            raise OutputTooLong(
                self._tool,
                f"{self._tool} wrote more than {self._limit // 2**20} MiB to standard output",
                suggested_action=f"see with `millracer doctor` which `{self._tool}` is used",
            )

    @property
    def data(self) -> bytes:
        """What was written."""
        return bytes(self._data)

    @property
    def text(self) -> str:
        """What was written; undecodable bytes are replaced."""
        return self._data.decode("utf-8", "replace")


class Ends:
    """The first and the last bytes of a stream of any length."""

    def __init__(self, limit: int = _END_BYTES) -> None:
        self._limit = limit
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = self._limit - len(self._head)
        self._head += chunk[:room]
        tail = self._tail + chunk[room:]
        self._left_out += max(0, len(tail) - self._limit)
        self._tail = tail[-self._limit :]

    @property
    def text(self) -> str:
        """What is held, with a line in the place of what is not; undecodable bytes are replaced."""
        gap = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        return (self._head + gap + self._tail).decode("utf-8", "replace")

    def lines(self) -> tuple[str, ...]:
        """Return the text as lines, without colours and empty lines."""
        text = _ANSI.sub("", self.text)
        return tuple(line.strip() for line in text.splitlines() if line.strip())


class Output:
    """What one process writes to both its outputs.

    Args:
        tool: whose output it is, for errors.
        limit: of standard output, in bytes.
    """

    def __init__(self, tool: str, *, limit: int = WHOLE_LIMIT_BYTES) -> None:
        self.stdout = Whole(tool, limit)
        self.stderr = Ends()


def collect(
    process: subprocess.Popen[bytes],
    output: Output,
    go_on: Callable[[], None],
    *,
    stdin: bytes | None = None,
    last_words_seconds: float = math.inf,
) -> int:
    """Read both outputs of a process to their ends and return its exit code.

    Args:
        process: its pipes are closed as they end.
        output: takes what it writes.
        go_on: called several times a second; it ends the passage by raising.
        stdin: written to its standard input, which is then closed; None where that is not a pipe.
        last_words_seconds: how long outputs are read after the end of the process. Another
            process may have inherited them, so they may never end.

    Raises:
        OutputTooLong: standard output is longer than can be kept.
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
                go_on()
            if last_words_seconds < math.inf and process.poll() is not None:
                if not any_ready:
                    break
                limit = min(limit, time.monotonic() + last_words_seconds)
    while True:
        try:
            return process.wait(SLICE_SECONDS)
        except subprocess.TimeoutExpired:
            go_on()


class _Pipes:
    """The pipes of one process, served without blocking."""

    def __init__(self, selector: selectors.BaseSelector, unsent: bytes) -> None:
        self._selector = selector
        self._unsent = memoryview(unsent)

    def read(self, pipe: IO[bytes] | None, sink: Whole | Ends) -> None:
        """Let a pipe be read to its end."""

        def serve(descriptor: int) -> bool:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            sink.feed(chunk)
            return bool(chunk)

        self._register(pipe, selectors.EVENT_READ, serve)

    def write(self, pipe: IO[bytes] | None) -> None:
        """Let what is unsent be written to a pipe."""
        self._register(pipe, selectors.EVENT_WRITE, self._send)

    def serve(self) -> bool:
        """Serve the pipes that are ready within a moment; return whether any was."""
        ready = self._selector.select(SLICE_SECONDS)
        for key, _ in ready:
            pipe, serve = key.data
            if not serve(key.fd):
                self._selector.unregister(pipe)
                pipe.close()
        return bool(ready)

    def _register(self, pipe: IO[bytes] | None, event: int, serve: Callable[[int], bool]) -> None:
        assert pipe is not None  # noqa: S101 - asked for as a pipe
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, event, (pipe, serve))

    def _send(self, descriptor: int) -> bool:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            return False  # the process reads no more; its exit code says why
        return bool(self._unsent)
