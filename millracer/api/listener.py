"""Listeners of a run that a library user gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from millracer.domain.run.progress import PROGRESS_KINDS, ProgressEvent
from millracer.errors import MillracerError
from millracer.ports import ProgressListener, TextListener
from millracer.ports.event_log import LogListener
from millracer.schemas.base import redacted
from millracer.schemas.run.document import ProgressDocument

#: Receives each progress event, in the thread that called the library.
OnProgress = Callable[[ProgressDocument], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListeners:
    """The listeners of one run.

    Attributes:
        progress: receive each progress event.
        on_text: receives pi's text and tool calls while it does a task directly.
        on_log: called as the log of the run's item is opened.
    """

    progress: tuple[ProgressListener, ...] = ()
    on_text: TextListener | None = None
    on_log: LogListener | None = None


NO_LISTENERS: Final = RunListeners()


class _ListenerRaised(Exception):
    """Carries a listener's `MillracerError` past the run, which would treat it as its own."""

    def __init__(self, error: MillracerError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def listening(on_progress: OnProgress | None) -> Iterator[tuple[ProgressListener, ...]]:
    """Yield the listeners of one run; an exception of `on_progress` leaves the block as it is."""

    def listener(event: ProgressEvent) -> None:
        if on_progress is None or event.type not in PROGRESS_KINDS:
            return
        try:
            on_progress(redacted(ProgressDocument.of(event)))
        except MillracerError as error:
            raise _ListenerRaised(error) from error

    try:
        yield (listener,)
    except _ListenerRaised as raised:
        raise raised.error from None
