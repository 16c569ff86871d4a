"""Call a library user's progress listener, so that its exceptions reach the user unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from millracer.domain.run.progress import PROGRESS_KINDS, ProgressEvent
from millracer.errors import MillracerError
from millracer.ports import ProgressListener
from millracer.schemas.base import redacted
from millracer.schemas.run.document import ProgressDocument

#: Receives each progress event, in the thread that called the library.
OnProgress = Callable[[ProgressDocument], None]


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
