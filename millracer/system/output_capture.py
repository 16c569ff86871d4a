"""What a tool writes: standard output whole, of standard error its two ends, both bounded."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
from collections.abc import Callable

from millracer.errors import ToolFailed

#: More than this on standard output is no answer any more.
WHOLE_LIMIT_BYTES = 64 * 1024 * 1024
_END_BYTES = 16 * 1024
_CHUNK_BYTES = 256 * 1024
#: Terminal control sequences: colours, titles and their kind.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Whole:
    """All that a tool writes to standard output."""

    def __init__(self, tool: str, limit: int = WHOLE_LIMIT_BYTES) -> None:
        self._tool = tool
        self._limit = limit
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            ToolFailed: it has written more than the limit.
        """
        self._data += chunk
        if len(self._data) > self._limit:
            raise ToolFailed(
                self._tool,
                f"{self._tool} wrote more than {self._limit // 2**20} MiB to standard output",
                suggested_action=f"see with `millracer doctor` which `{self._tool}` is used",
            )

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


def collect(
    process: subprocess.Popen[bytes],
    stdout: Whole,
    stderr: Ends,
    *,
    slice_seconds: float,
    go_on: Callable[[], None],
) -> int:
    """Read both pipes of a process to their ends and return its exit code.

    `go_on` is called after each wait of at most `slice_seconds` and ends the passage by raising.

    Raises:
        ToolFailed: standard output is longer than can be kept.
    """
    with selectors.DefaultSelector() as selector:
        for pipe, sink in ((process.stdout, stdout), (process.stderr, stderr)):
            assert pipe is not None  # noqa: S101 - asked for as a pipe
            selector.register(pipe, selectors.EVENT_READ, (pipe, sink))
        while selector.get_map():
            for key, _ in selector.select(slice_seconds):
                pipe, sink = key.data
                if chunk := os.read(key.fd, _CHUNK_BYTES):
                    sink.feed(chunk)
                else:
                    selector.unregister(pipe)
                    pipe.close()
            if selector.get_map():
                go_on()
    while True:
        try:
            return process.wait(slice_seconds)
        except subprocess.TimeoutExpired:
            go_on()
