"""`RunEvents`: the events of one run as an iterable of frames, and the run's result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from millracer.api.listener import NO_LISTENERS, RunListeners
from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.event_log import Cursor
from millracer.errors import UsageError
from millracer.logs import with_log_ids
from millracer.operations.stream.frames import Frames
from millracer.schemas.base import redacted
from millracer.schemas.ops.frame import EventFrame
from millracer.wiring import SystemClock

if TYPE_CHECKING:
    from millracer.schemas.run.document import RunResultDocument

#: Performs the run with these listeners and this cancellation.
PerformRun = Callable[[RunListeners, Cancellation], "RunResultDocument"]
#: Called with the iteration as it starts and as it has ended.
Track = Callable[["RunEvents"], None]

#: So many events wait for a slow loop; then the stream waits, and the run continues.
_WAITING = 256


class RunEvents:
    """The events of one run, in their order, and its result.

    Iterate once: the first frame is `stream.opened`, the last `result`, as `--stream-json` prints
    them. The run starts with the iteration, or with `result` if there is none. Leaving the loop
    early, or `close`, cancels the run and waits until its programs have ended; the item stays in
    Millrace, and `watch` continues it after the `cursor` of an event. Thread-safe.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run
        self,
        perform: PerformRun,
        *,
        request_id: str,
        after: Cursor | None,
        cancellation: Cancellation | None,
        starts: Track,
        ended: Track,
    ) -> None:
        """Keep the run; nothing is started yet.

        Args:
            perform: performs the run.
            request_id: the id of its request.
            after: the last stored event that the caller has.
            cancellation: also cancels the run.
            starts: called as the iteration starts; if it raises, nothing is started.
            ended: called as the iteration has ended.
        """
        self._perform = perform
        self._request_id = request_id
        self._after = after
        self._cancellation = Cancellation() if cancellation is None else cancellation.dependent()
        self._starts = starts
        self._ended = ended
        self._changed = threading.Condition()
        self._frames: deque[EventFrame] = deque()
        self._is_started = False
        self._is_closed = False
        self._is_done = False
        self._keeps_all = False
        self._document: RunResultDocument | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[EventFrame]:
        """Start the run and yield its events.

        Raises:
            UsageError: the run has started already, or the client is closed.
            Exception: Millracer has a bug; everything started here has ended.
        """
        self._begin()
        try:
            self._starts(self)
            thread = threading.Thread(target=with_log_ids(self._run), name="run", daemon=True)
            thread.start()
        except BaseException as error:
            self._finish(error=error)
            raise
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self.close()
            thread.join()
            self._ended(self)
        if self._error is not None:
            raise self._error

    def result(self) -> RunResultDocument:
        """Return the result of the run, and wait for it; repeatable.

        During the iteration, the events since are kept until the loop requests them.

        Raises:
            UsageError: `close` was called before the run started, or the client is closed.
            Exception: Millracer has a bug; everything started here has ended.
        """
        with self._changed:
            self._keeps_all = True
            self._changed.notify_all()
            is_first = not self._is_started
            self._is_started = True
        if is_first:
            try:
                self._finish(self._perform(NO_LISTENERS, self._cancellation))
            except BaseException as error:
                self._finish(error=error)
                raise
        try:
            self._await_end()
        except BaseException:
            self.close()
            raise
        if self._error is not None:
            raise self._error
        if self._document is None:
            raise UsageError(
                "the run was closed before it started", suggested_action="call the method again"
            )
        return self._document

    def close(self) -> None:
        """Cancel the run unless it has ended, and wait for its end; repeatable.

        No further events are yielded. `result` returns the result of the cancelled run.
        """
        with self._changed:
            self._is_closed = True
            self._frames.clear()
            is_unstarted = not self._is_started
            self._is_started = True
            self._changed.notify_all()
            is_done = self._is_done
        if is_unstarted:
            self._finish()
        elif not is_done:
            self._cancellation.cancel(CancelReason.TERMINATED)
            self._await_end()

    def _begin(self) -> None:
        with self._changed:
            if self._is_started:
                raise UsageError(
                    "this run has started already: its events are yielded once",
                    suggested_action="call the method again",
                )
            self._is_started = True

    def _run(self) -> None:
        """Perform the run in its own thread and collect its frames."""
        from millracer.operations.stream.reader import RunStream  # noqa: PLC0415 - loads the run

        frames = Frames(self._request_id, self._keep, SystemClock(), after=self._after)
        stream = RunStream(
            frames,
            is_wanted=lambda: not self._is_closed,
            unwanted=lambda: None,  # `close` has cancelled the run
        )
        listeners = RunListeners(
            progress=(stream.listen,), on_text=stream.text, on_log=stream.log_opened
        )
        try:
            stream.start()
            try:
                document = self._perform(listeners, self._cancellation)
            finally:
                stream.end()
            frames.result(document)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that iterates
            self._finish(error=error)
        else:
            self._finish(document)

    def _keep(self, frame: EventFrame) -> None:
        """Keep a frame for the loop; wait while too many do, so that memory stays bounded."""
        frame = redacted(frame)
        with self._changed:
            while not (self._keeps_all or self._is_closed or len(self._frames) < _WAITING):
                self._changed.wait()
            if not self._is_closed:
                self._frames.append(frame)
                self._changed.notify_all()

    def _next(self) -> EventFrame | None:
        """Return the next frame, and wait for it; None after the last."""
        with self._changed:
            while not (self._frames or self._is_done or self._is_closed):
                self._changed.wait()
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def _finish(
        self, document: RunResultDocument | None = None, *, error: BaseException | None = None
    ) -> None:
        with self._changed:
            self._document, self._error, self._is_done = document, error, True
            self._changed.notify_all()

    def _await_end(self) -> None:
        with self._changed:
            while not self._is_done:
                self._changed.wait()
