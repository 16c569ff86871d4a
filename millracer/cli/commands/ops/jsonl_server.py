"""`millracer ops --jsonl`: answer requests from standard input, one per line, until it ends.

The main thread reads and waits; one thread answers each request. The threads share the
cancellation, standard output and the status cache. Each request has its own store, gateway and
tools.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace

from millracer.cancellation import STOP_SECONDS, Cancellation, CancelReason
from millracer.cli.command import completed
from millracer.cli.commands.malloc_tuning import share_one_heap
from millracer.cli.commands.ops.frames import (
    Read,
    answer_in_frames,
    in_frames,
    request_id_of,
    stream_start,
)
from millracer.cli.commands.ops.request import answer, no_stream, open_gateway
from millracer.cli.frame_output import FrameOutput
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say_errors
from millracer.cli.terminal.stdin import unreadable
from millracer.cli.terminal.stdout import OutputLost, output_lost
from millracer.domain.failures import exit_code_of_cancel
from millracer.errors import ExitCode, MillracerError
from millracer.operations.ops.reply import describe_failure
from millracer.schemas.base import render_line
from millracer.schemas.ops.limits import REQUEST_LIMIT_BYTES
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request
from millracer.schemas.ops.result import OpsResult
from millracer.wiring import BackendFactory
from millracer.wiring.preload import load_answers

#: Most concurrent requests; further ones are not read until one is done.
MOST_UNDER_WAY = 64

_CHUNK_BYTES = 1 << 20
#: Time for cancelled requests beyond the time for stopping their work, and the longest time that a
#: stalled reader may delay all of them.
_LAST_WORDS_SECONDS = 2.0
_POLL_SECONDS = 0.1

_DONE, _WAKE = b"d", b"!"


def serve(common: CommonOptions, *, stream: bool = False) -> int:
    """Answer every request and return the exit code.

    Args:
        common: the common options.
        stream: answer requests of version v0.3 in frames, which name their request id.

    Returns when standard input has ended and every request is answered. A signal, or the end of the
    results' reader, cancels the active requests; each still gets its result.

    Raises:
        OutputLost: a result could not be written; the active requests are cancelled.
        UsageError: standard input cannot be read.
    """
    share_one_heap()
    load_endings()
    load_answers()
    programs = replace(common.programs, backends=BackendFactory(keep_statuses=True))
    desk = _Desk(replace(common, programs=programs), stream=stream)
    try:
        with signals_cancel(desk.cancellation, then=desk.wake):
            code = desk.serve()
        desk.raise_if_lost()
        return code
    finally:
        desk.close()
        programs.close()


class _Desk:
    """Reads and dispatches requests; all but `wake` and the answers runs in the main thread."""

    def __init__(self, common: CommonOptions, *, stream: bool) -> None:
        self._stream = stream
        self.cancellation = Cancellation()
        self._common = common
        self._lines = RequestLines(REQUEST_LIMIT_BYTES)
        self._results = _Results(sys.stdout.fileno())
        self._source = sys.stdin.fileno()
        self._under_way = 0
        self._has_read = False
        self._has_ended = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    def close(self) -> None:
        """Close the wake-up pipe, unless a thread that did not end in time may still use it."""
        if self._under_way == 0:
            os.close(self._waker)
            os.close(self._woken)

    def wake(self, why: bytes = _WAKE) -> None:
        """Wake the main thread to check for changes; safe from any thread."""
        with suppress(OSError):
            os.write(self._waker, why)

    def serve(self) -> int:
        """Read and answer until the input has ended and all is done; return the exit code."""
        while not (self._has_ended and not self._lines and self._under_way == 0):
            while self._lines and self._has_room and self.cancellation.reason is None:
                self._begin(self._lines.take())
            if self.cancellation.reason is not None:
                return self._break_off()
            self._wait()
        return ExitCode.COMPLETED

    def raise_if_lost(self) -> None:
        """Raise the failure if a result could not be written to a reader that may still wait.

        Raises:
            OutputLost: a result could not be written.
        """
        if self._results.failure is not None:
            raise self._results.failure

    @property
    def _has_room(self) -> bool:
        return self._under_way < MOST_UNDER_WAY

    def _wait(self) -> None:
        """Wait for a line, a finished answer, a signal, or the end of the reader."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if not self._results.is_lost:
            poll.register(self._results.descriptor, 0)  # poll always reports errors
        if not self._has_ended and not self._lines and self._has_room:
            poll.register(self._source, select.POLLIN)
        ready = dict(poll.poll())
        self._count_done()
        if ready.get(self._results.descriptor, 0) & (select.POLLERR | select.POLLHUP):
            self._results.lose()
        if self._results.is_lost:
            self.cancellation.cancel(CancelReason.TERMINATED)
        elif self._source in ready:
            self._read()

    def _read(self) -> None:
        try:
            chunk = os.read(self._source, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if not self._has_read:
                raise unreadable(error) from error
            chunk = b""  # a closed terminal sends no more input
        self._has_read = True
        self._lines.feed(chunk)
        if not chunk:
            self._lines.end()
            self._has_ended = True

    def _count_done(self) -> None:
        with suppress(BlockingIOError):
            self._under_way -= os.read(self._woken, 1024).count(_DONE)

    def _break_off(self) -> int:
        """Answer the unstarted requests, wait for the active ones, and return the exit code."""
        rest = []
        while self._lines:
            rest.append(self._lines.take())
        self._begin(*rest)
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        limit = time.monotonic() + STOP_SECONDS + _LAST_WORDS_SECONDS
        while self._under_way and time.monotonic() < limit:
            if self._results.is_stalled(self._under_way, since=self.cancellation.since or 0):
                break
            poll.poll(_POLL_SECONDS * 1000)
            self._count_done()
        return exit_code_of_cancel(self.cancellation.reason)

    def _begin(self, *lines: bytes) -> None:
        self._under_way += 1
        # A daemon thread: one that never returns must not keep the process alive.
        threading.Thread(target=self._answer_all, args=lines, daemon=True).start()

    def _answer_all(self, *lines: bytes) -> None:
        try:
            for line in lines:
                read = in_frames(line) if self._stream else None
                if read is None:
                    self._results.print(render_line(self._answer(line)))
                else:
                    self._answer_in_frames(read)
        finally:
            self.wake(_DONE)

    def _answer_in_frames(self, read: Read) -> None:
        output = FrameOutput(
            request_id_of(read),
            after=stream_start(read),
            print_line=self._results.print,
            is_wanted=lambda: not self._results.is_lost,
        )
        output.result(answer_in_frames(self._common, read, self.cancellation, output).result)

    def _answer(self, line: bytes) -> OpsResult:
        read: ReadRequest | None = None

        def work() -> OpsResult:
            nonlocal read
            with open_gateway(self._common) as gateway:
                try:
                    read = read_ops_request(line)
                except InvalidOpsRequest as error:
                    return gateway.refuse_unreadable(error).result
                if self._stream:
                    return gateway.refuse(read, no_stream()).result
                return answer(gateway, read, self.cancellation).result

        def failed(error: MillracerError) -> OpsResult:
            say_errors((error,))
            return _failed_result(read, error)

        return completed(work, failed)


class _Results:
    """Writes whole lines to standard output; a writing thread waits for the reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._lock = threading.Lock()
        self._is_lost = False
        self._printing: set[int] = set()
        self._moved_at = time.monotonic()
        self.failure: OutputLost | None = None
        self._writable = select.poll()  # for a non-blocking descriptor
        self._writable.register(descriptor, select.POLLOUT)

    @property
    def is_lost(self) -> bool:
        """Whether standard output can no longer be written."""
        return self._is_lost

    def lose(self) -> None:
        """Stop printing."""
        self._is_lost = True

    def is_stalled(self, threads: int, *, since: float) -> bool:
        """Whether all threads wait for a reader that has read nothing for a while.

        Args:
            threads: number of threads that answer requests.
            since: earlier reads do not count (`time.monotonic()`).
        """
        still = time.monotonic() - max(self._moved_at, since)
        return len(self._printing) >= threads and still > _LAST_WORDS_SECONDS

    def print(self, line: str) -> None:
        """Print one line; a closed pipe is ignored, any other error is stored in `failure`."""
        self._moved_at = time.monotonic()
        self._printing.add(threading.get_ident())
        try:
            self._print(memoryview(line.encode("ascii") + b"\n"))
        finally:
            self._printing.discard(threading.get_ident())

    def _print(self, rest: memoryview) -> None:
        with self._lock:
            while rest and not self._is_lost:
                try:
                    rest = rest[os.write(self.descriptor, rest) :]
                    self._moved_at = time.monotonic()
                except BlockingIOError:
                    self._writable.poll()
                except OSError as error:
                    self.failure = output_lost(error)
                    self.lose()


def _failed_result(read: ReadRequest | None, error: MillracerError) -> OpsResult:
    if read is None:
        return describe_failure(error)
    request = read.request
    result = describe_failure(error, version=read.version)
    return result.model_copy(update={"request_id": request.request_id, "action": request.action})


class RequestLines:
    """Splits a stream into lines and skips blank ones.

    Args:
        limit: a line of more bytes is cut to `limit + 1` bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._whole: deque[bytes] = deque()
        self._begun = bytearray()
        self._is_dropping = False

    def __bool__(self) -> bool:
        return bool(self._whole)

    def take(self) -> bytes:
        """Return the oldest complete line without its line end; there must be one."""
        return self._whole.popleft()

    def feed(self, chunk: bytes) -> None:
        """Add received bytes."""
        first, *more = chunk.split(b"\n")
        self._append(first)
        for piece in more:
            self.end()
            self._append(piece)

    def end(self) -> None:
        """Complete the current line, at a line end or at the end of the stream."""
        if self._begun and not self._begun.isspace():
            self._whole.append(bytes(self._begun))
        self._begun.clear()
        self._is_dropping = False

    def _append(self, piece: bytes) -> None:
        if self._is_dropping:
            return
        self._begun += piece[: self._limit + 1 - len(self._begun)]
        if len(self._begun) > self._limit:
            self._whole.append(bytes(self._begun))
            self._begun.clear()
            self._is_dropping = True
