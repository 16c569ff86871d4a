"""`millracer ops --jsonl` as its caller meets it: requests in, results as they are done."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.ops_cli import OpsCaller, Running, request

_LIMIT_SECONDS = 120


@dataclass(slots=True)
class Conversation:
    """A resident `millracer`, its results read by a thread.

    Attributes:
        others: results that came while another one was waited for.
    """

    running: Running
    others: list[dict[str, Any]] = field(default_factory=list)
    _lines: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.running.process

    def say(self, action: str, request_id: str, **fields: Any) -> None:
        """Send one request."""
        self.running.says(request(action, request_id=request_id, **fields) + b"\n")

    def ask(self, action: str, request_id: str, **fields: Any) -> dict[str, Any]:
        """Send one request and return its result."""
        self.say(action, request_id, **fields)
        return self.result_of(request_id)

    def next(self) -> dict[str, Any]:
        """Return the next result."""
        line = self._lines.get(timeout=_LIMIT_SECONDS)
        assert line.isascii()
        assert line.endswith(b"\n"), f"cut off: {line!r}"
        found: dict[str, Any] = json.loads(line)
        return found

    def result_of(self, request_id: str) -> dict[str, Any]:
        """Return one request's result, whenever it comes."""
        for at, found in enumerate(self.others):
            if found["request_id"] == request_id:
                return self.others.pop(at)
        while (found := self.next())["request_id"] != request_id:
            self.others.append(found)
        return found

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        self.running.send(number)

    def end(self) -> int:
        """Close standard input and return the exit code."""
        if self.process.stdin is not None:
            self.process.stdin.close()
            self.process.stdin = None
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(timeout=_LIMIT_SECONDS)

    def rest(self) -> list[dict[str, Any]]:
        """Return every result that was not asked for yet, once the process has ended."""
        self.exit_code()
        found, self.others = self.others, []
        while (line := self._lines.get(timeout=_LIMIT_SECONDS)) != b"":
            found.append(json.loads(line))
        return found

    def read(self) -> None:
        """Read results until there are no more; ends with an empty one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")


@contextmanager
def conversation(caller: OpsCaller, *arguments: str) -> Iterator[Conversation]:
    """Start `millracer ops --jsonl` and end it with the block."""
    with caller.start("ops", "--jsonl", *caller.options, *arguments) as running:
        talk = Conversation(running)
        reader = threading.Thread(target=talk.read, daemon=True)
        reader.start()
        try:
            yield talk
        finally:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
            reader.join()
            for pipe in (running.process.stdin, running.process.stdout, running.process.stderr):
                if pipe is not None:
                    pipe.close()
