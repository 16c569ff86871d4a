"""The coding agent with one `pi --print` process a turn: no conversation, nothing kept between.

The prompt goes by standard input and its end, for as an argument it could be taken for an option or
a file and has a size limit. What a turn started ends with it. pi says less of itself here than over
RPC: an answer that was cut at the model's output limit may look whole, the start of the process
counts as part of the turn, and white space around a prompt is lost.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from millracer.cancellation import Cancellation, Wait
from millracer.errors import ProtocolError, RunWarning
from millracer.pi import errors
from millracer.pi.exchange import refuse_spent
from millracer.pi.frames import TOOL
from millracer.pi.options import PiOptions
from millracer.pi.turn import EndKind, TurnEnd
from millracer.ports import Agent, TextListener
from millracer.system import processes
from millracer.system.output_capture import Ends
from millracer.system.proc import shows_processes, warn_unseen

_ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_SLICE_SECONDS = 0.1
_LAST_WORDS_SECONDS = 1.0
_GRACE_SECONDS = 2.0
_URGENT_GRACE_SECONDS = 0.2
_REAP_SECONDS = 2.0
#: Stands before a prompt that pi would take for a command; pi drops white space, words it keeps.
_PLAIN_TEXT_HEADER = "The prompt:\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    exit_code: int
    stdout: bytes
    stderr: tuple[str, ...]


class PrintPi(Agent):
    """Each turn is a new conversation; `close` may be called from any thread."""

    def __init__(self, options: PiOptions) -> None:
        self._options = options
        self._version: str | None = None
        self._token = processes.new_token()
        self._lock = threading.Lock()
        self._closed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._notices: list[RunWarning] = []

    @property
    def version(self) -> str | None:
        """The version found, None before `begin`."""
        return self._version

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """What the caller should know although nothing failed, each once."""
        return tuple(self._notices)

    def begin(self) -> None:
        """See that pi is there and supported; a process starts with each turn only.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: its version is refused.
            UsageError: this version needs a model beside the provider.
            ToolFailed: the session was closed.
        """
        self._begin(Cancellation())

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Run pi for one prompt and return its answer; the listener hears it once, whole.

        Raises:
            ToolTimeout: pi did not end in time; it and all it started was ended.
            ToolFailed: the model or pi failed, or the answer was empty.
            ProtocolError: the answer is no text.
            Cancelled: the caller asked to stop; pi and all it started was ended.
        """
        refuse_spent(wait)
        self._begin(wait.cancellation)
        child = self._start()
        try:
            said = _converse(child, _as_plain_text(prompt), lambda: self._refuse_over(wait))
        finally:
            self._end_all(wait.cleaning_up(_GRACE_SECONDS))
            _let_go(child)
            self._child = None
        if self._closed:
            raise errors.closed()
        for text in errors.warning_texts(said.stderr):
            self._note(RunWarning("pi_warning", text))
        answer = _judge(said)
        if on_text is not None:
            on_text(answer)
        return answer

    def close(self, wait: Wait) -> None:
        """Let no more turns begin and end every process; never raises, repeatable.

        A turn that another thread waits for ends in an error there.
        """
        with self._lock:
            self._closed = True
        self._end_all(wait)

    def _begin(self, cancellation: Cancellation) -> None:
        if self._closed:
            raise errors.closed()
        if self._version is None:
            self._version = self._options.read_version(cancellation)
        for notice in (*self._options.admit(self._version), *warn_unseen()):
            self._note(notice)

    def _start(self) -> subprocess.Popen[bytes]:
        command = self._options.command("--print")
        environment: Mapping[str, str] = command.env or {}
        owned = replace(command, env={**environment, processes.TOKEN_VARIABLE: self._token})
        with self._lock:
            if self._closed:
                raise errors.closed()
            self._child = processes.spawn(
                owned, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            return self._child

    def _refuse_over(self, wait: Wait) -> None:
        if self._closed:
            raise errors.closed()
        refuse_spent(wait)

    def _end_all(self, wait: Wait) -> None:
        hurried = wait.cancellation.reason is not None or wait.expired
        grace = _URGENT_GRACE_SECONDS if hurried else min(_GRACE_SECONDS, wait.remaining)
        child = self._child
        processes.end_token(
            self._token,
            grace_seconds=grace,
            group=None if child is None or shows_processes() else child.pid,
        )

    def _note(self, notice: RunWarning) -> None:
        if notice not in self._notices:
            self._notices.append(notice)


def _converse(child: subprocess.Popen[bytes], prompt: str, go_on: Callable[[], None]) -> _Said:
    """Write the prompt and read both outputs until pi has ended.

    `go_on` is called several times a second and ends the passage by raising. A pipe that a tool
    inherited is not waited for: pi's own words are in it by the time pi is gone.
    """
    pipes = _Pipes(child, prompt.encode("utf-8", "replace"))
    gone: float | None = None
    with pipes.selector:
        while gone is None or time.monotonic() - gone < _LAST_WORDS_SECONDS:
            go_on()
            if gone is None and child.poll() is not None:
                gone = time.monotonic()
            if not pipes.serve() and gone is not None:
                break
    return _Said(exit_code=child.wait(), stdout=bytes(pipes.stdout), stderr=pipes.stderr.lines())


class _Pipes:
    """The three pipes of one process, served without blocking."""

    def __init__(self, child: subprocess.Popen[bytes], prompt: bytes) -> None:
        self.selector = selectors.DefaultSelector()
        self.stdout = bytearray()
        self.stderr = Ends()
        self._child = child
        self._unsent = memoryview(prompt)
        for pipe, event, serve in (
            (child.stdin, selectors.EVENT_WRITE, self._write),
            (child.stdout, selectors.EVENT_READ, self._read_stdout),
            (child.stderr, selectors.EVENT_READ, self._read_stderr),
        ):
            assert pipe is not None  # noqa: S101 - asked for as a pipe
            os.set_blocking(pipe.fileno(), False)
            self.selector.register(pipe, event, (pipe, serve))

    def serve(self) -> bool:
        """Serve what becomes ready within a moment; return whether anything did."""
        if not self.selector.get_map():
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_SLICE_SECONDS)
            return False
        ready = self.selector.select(_SLICE_SECONDS)
        for key, _ in ready:
            pipe, serve = key.data
            if not serve(key.fd):
                self.selector.unregister(pipe)
                pipe.close()
        return bool(ready)

    def _write(self, descriptor: int) -> bool:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            return False  # pi reads no more: how it ends says why
        return bool(self._unsent)

    def _read_stdout(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, _CHUNK_BYTES)
        self.stdout += chunk
        if len(self.stdout) > _ANSWER_LIMIT_BYTES:
            raise ProtocolError(TOOL, f"pi's answer is longer than {_ANSWER_LIMIT_BYTES} bytes")
        return bool(chunk)

    def _read_stderr(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, _CHUNK_BYTES)
        self.stderr.feed(chunk)
        return bool(chunk)


def _judge(said: _Said) -> str:
    if said.exit_code != 0:
        raise errors.print_failure(said.exit_code, said.stderr)
    try:
        answer = said.stdout.decode().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raw = said.stdout.decode("utf-8", "replace")
        raise ProtocolError(TOOL, "pi's answer is not UTF-8", raw=raw) from exc
    if not answer.strip():
        raise errors.turn_failure(TurnEnd(EndKind.EMPTY, words="\n".join(said.stderr)))
    return answer


def _let_go(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_REAP_SECONDS)


def _as_plain_text(prompt: str) -> str:
    """Keep pi from taking a prompt for a command of its own."""
    return f"{_PLAIN_TEXT_HEADER}{prompt}" if prompt.lstrip().startswith("/") else prompt
