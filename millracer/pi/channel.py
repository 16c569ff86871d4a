"""One running `pi --mode rpc`: its process, its three pipes, and the ladder that ends it.

Sends commands and returns frames in order, without interpreting them. Threads read both outputs as
bytes, so pi never blocks on a pipe: of standard error the head and the tail are kept, and frames
wait in a short queue. When the queue is full, pi blocks, so memory stays bounded.
"""

from __future__ import annotations

import os
import queue
import select
import subprocess
import threading
import time
from contextlib import suppress

from millracer.cancellation import Wait
from millracer.errors import ProtocolError, ToolTimeout
from millracer.pi import frames
from millracer.pi.framing import FrameReader
from millracer.system import process_table, processes
from millracer.system.output_capture import Ends
from millracer.system.proc import shows_processes
from millracer.system.processes import Command
from millracer.system.spawn import reap

_SLICE_SECONDS = 0.1
_QUEUE_FRAMES = 256
_CHUNK_BYTES = 256 * 1024
_ABORT_SECONDS = 2.0
_EXIT_SECONDS = 2.0
_SIGNAL_SECONDS = 2.0
_LAST_WORDS_SECONDS = 1.0
_SWEEP_GRACE_SECONDS = 1.0
_URGENT_GRACE_SECONDS = 0.2
_ABORT_ID = "abort-at-close"


class ChannelEnded(Exception):
    """The pi process or its pipes are gone; the caller decides what that means."""


class PiChannel:
    """A started pi process. The caller must call `end`, also after an error."""

    def __init__(self, command: Command) -> None:
        """Start the program and return immediately.

        Raises:
            ToolNotFound, ToolFailed: as `processes.spawn`.
        """
        self._token = processes.new_token()
        env = {**(os.environ if command.env is None else command.env)}
        env[process_table.TOKEN_VARIABLE] = self._token
        self._reader = FrameReader()
        self._frames: queue.Queue[frames.Frame | ProtocolError] = queue.Queue(_QUEUE_FRAMES)
        self._stderr = Ends()
        self._writing = threading.Lock()
        self._ending = threading.Lock()
        self._seen_dead: float | None = None
        self._discards = threading.Event()
        self._abort_answered = threading.Event()
        self._output_ended = threading.Event()
        self._threads = (
            threading.Thread(target=self._read_output, name="pi-stdout", daemon=True),
            threading.Thread(target=self._read_errors, name="pi-stderr", daemon=True),
        )
        self._process = processes.spawn(
            Command(tool=command.tool, argv=command.argv, cwd=command.cwd, env=env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started = time.monotonic()
        try:
            self._open()
        except BaseException:  # the caller has no channel yet with which to end the process
            processes.end_token(self._token, grace_seconds=0.0, group=self._process.pid)
            reap(self._process)
            raise

    def _open(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe above
        os.set_blocking(self._process.stdin.fileno(), False)
        for thread in self._threads:
            thread.start()

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while pi runs."""
        return self._process.poll()

    @property
    def stderr_lines(self) -> tuple[str, ...]:
        """The head and the tail of pi's standard error."""
        return self._stderr.lines()

    @property
    def skipped_lines(self) -> int:
        """The number of lines on standard output that were not frames."""
        return self._reader.skipped

    def listen_to_text(self, *, wanted: bool) -> None:
        """Pass text deltas through from now on, or discard them."""
        self._reader.wants_text = wanted

    def send(self, command: frames.Outgoing, wait: Wait) -> None:
        """Write one command.

        Raises:
            ChannelEnded: pi no longer reads.
            ToolTimeout: pi did not read it in time; the channel is unusable afterwards.
            Cancelled: the caller cancelled; the channel is unusable afterwards.
        """
        line = memoryview(frames.render_command(command))
        with self._writing:
            if self._process.stdin is None or self._process.stdin.closed:
                raise ChannelEnded
            descriptor = self._process.stdin.fileno()
            ready = select.poll()
            ready.register(descriptor, select.POLLOUT)
            while line:
                wait.cancellation.raise_if_cancelled()
                if self._discards.is_set():
                    raise ChannelEnded
                if wait.expired:
                    raise ToolTimeout(frames.TOOL, "pi did not read the prompt in time")
                if not ready.poll(_SLICE_SECONDS * 1000):
                    continue
                try:
                    line = line[os.write(descriptor, line) :]
                except BlockingIOError:
                    continue
                except OSError as exc:
                    raise ChannelEnded from exc

    def next_frame(self, seconds: float) -> frames.Frame | None:
        """Return the next frame, or None if none arrives within 0.1 s or `seconds`.

        Raises:
            ChannelEnded: every frame was read and pi is gone, or `end` was called.
            ProtocolError: pi violated its protocol.
        """
        if self._discards.is_set():
            raise ChannelEnded
        gone = self._output_ended.is_set() or self._has_been_dead()
        try:
            item = self._frames.get(timeout=max(0.0, min(seconds, _SLICE_SECONDS)))
        except queue.Empty:
            if gone:
                raise ChannelEnded from None
            return None
        if isinstance(item, ProtocolError):
            raise item
        return item

    def end(self, wait: Wait, *, busy: bool) -> None:
        """End pi and its descendants: abort, end of input, SIGTERM, SIGKILL, each wait bounded.

        Skips to SIGKILL when the wait is over or cancelled. Never raises; repeatable.
        """
        self._discards.set()
        with self._ending:
            if busy:
                self._abort(wait)
            self._close_stdin()
            if not self._exits_within(_EXIT_SECONDS, wait):
                self._signal(wait)
            hurried = _is_hurried(wait)
            processes.end_token(
                self._token,
                grace_seconds=_URGENT_GRACE_SECONDS if hurried else _SWEEP_GRACE_SECONDS,
                # pi is gone, so its pid may belong to another process. The group is used only
                # where the token cannot be searched for.
                group=None if shows_processes() else self._process.pid,
            )
            pipes = (self._process.stdout, self._process.stderr)
            for thread, pipe in zip(self._threads, pipes, strict=True):
                thread.join(_SIGNAL_SECONDS)
                # Closing a descriptor that a thread still reads would let the next open reuse it.
                if pipe is not None and not thread.is_alive():
                    pipe.close()

    def await_last_output(self) -> None:
        """Wait a moment until a pi that has ended is reaped and its last output is read."""
        limit = time.monotonic() + _SIGNAL_SECONDS
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SIGNAL_SECONDS)
        for thread in self._threads:
            thread.join(max(0.0, limit - time.monotonic()))

    def _has_been_dead(self) -> bool:
        # A tool that inherited the pipe keeps it open after pi has ended. The channel then ends
        # once there was time to read pi's last output.
        if self.exit_code is None:
            return False
        now = time.monotonic()
        if self._seen_dead is None:
            self._seen_dead = now
        return now - self._seen_dead > _LAST_WORDS_SECONDS

    def _abort(self, wait: Wait) -> None:
        # An abort makes pi end a running tool; at end of input, older versions leave it running.
        if _is_hurried(wait):
            return
        bounded = wait.within(_ABORT_SECONDS)
        request = frames.render_command(frames.Request(type="abort", id=_ABORT_ID))
        if not self._writing.acquire(timeout=min(1.0, bounded.remaining)):
            return
        try:
            if self._process.stdin is not None and not self._process.stdin.closed:
                with suppress(OSError):
                    os.write(self._process.stdin.fileno(), request)
        finally:
            self._writing.release()
        while not (
            self._abort_answered.wait(_SLICE_SECONDS / 2)
            or self._output_ended.is_set()
            or _is_hurried(bounded)
        ):
            pass

    def _close_stdin(self) -> None:
        if not self._writing.acquire(timeout=1.0):
            return
        try:
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
        finally:
            self._writing.release()

    def _signal(self, wait: Wait) -> None:
        if not _is_hurried(wait):
            self._process.terminate()
            if self._exits_within(_SIGNAL_SECONDS, wait):
                return
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SIGNAL_SECONDS)

    def _exits_within(self, seconds: float, wait: Wait) -> bool:
        bounded = wait.within(seconds)
        while self._process.poll() is None:
            if _is_hurried(bounded):
                return False
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(min(_SLICE_SECONDS, bounded.remaining))
        return True

    def _read_output(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - opened as a pipe
        try:
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                for frame in self._reader.feed(chunk):
                    self._deliver(frame)
            self._reader.finish()
        except ProtocolError as exc:
            self._deliver(exc)
        except OSError:
            pass
        finally:
            self._output_ended.set()

    def _deliver(self, item: frames.Frame | ProtocolError) -> None:
        if isinstance(item, frames.Response) and item.id == _ABORT_ID:
            self._abort_answered.set()
        while not self._discards.is_set():
            with suppress(queue.Full):
                self._frames.put(item, timeout=_SLICE_SECONDS)
                return

    def _read_errors(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None  # noqa: S101 - opened as a pipe
        with suppress(OSError):
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                self._stderr.feed(chunk)


def _is_hurried(wait: Wait) -> bool:
    return wait.expired or wait.cancellation.reason is not None
