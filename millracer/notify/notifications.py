"""Send the result of an attempt to every receiver that wants its outcome."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence

from millracer.cancellation import Cancelled, Wait
from millracer.domain.notifications import NotifyTarget
from millracer.domain.run.outcome import severity_of
from millracer.errors import RunWarning
from millracer.logs import with_log_ids
from millracer.notify.command import run_command
from millracer.notify.delivery import Message, NotDelivered
from millracer.notify.webhook import post
from millracer.ports import AttemptEnd, AttemptEndListener
from millracer.schemas.base import render_line
from millracer.schemas.ops.frame import result_frame

_log = logging.getLogger(__name__)
WARNING_CODE = "notify_failed"
#: For all tries of one receiver together.
LIMIT_SECONDS = 10.0
_TRIES = 3
_PAUSE_SECONDS = 0.25
#: A shorter rest of the limit is not worth another try.
_SHORTEST_TRY_SECONDS = 0.5
#: After the limit, for the end of a command's processes.
_END_SECONDS = 1.5


class Notifications(AttemptEndListener):
    """Notifies all receivers at the same time.

    Args:
        targets: the receivers.
        environment: has the secrets, and the variables from which those of commands are chosen.
    """

    def __init__(self, targets: Sequence[NotifyTarget], environment: Mapping[str, str]) -> None:
        self._targets = tuple(targets)
        self._environment = environment

    def attempt_ended(self, end: AttemptEnd, wait: Wait) -> tuple[RunWarning, ...]:
        """See the port."""
        targets = [each for each in self._targets if end.outcome in each.outcomes]
        if not targets:
            return ()
        limit = wait.within(LIMIT_SECONDS)
        message = _message_of(end)
        deliveries = [_Delivery(each, message, limit, self._environment) for each in targets]
        for each in deliveries:
            each.start()
        joined = Wait.for_seconds(limit.remaining + _END_SECONDS)
        for each in deliveries:
            each.join(joined.remaining)
        failures = [each.failure for each in deliveries]
        return tuple(RunWarning(WARNING_CODE, text) for text in failures if text is not None)


class _Delivery(threading.Thread):
    """The delivery to one receiver, in a thread of its own: a slow one delays no other.

    Attributes:
        failure: why the message was not delivered; None if it was.
    """

    def __init__(
        self, target: NotifyTarget, message: Message, limit: Wait, environment: Mapping[str, str]
    ) -> None:
        run = with_log_ids(self._run)
        super().__init__(name="notification", daemon=True, target=run)
        self._receiver = target
        self._message = message
        self._limit = limit
        self._variables = environment
        self.failure: str | None = f"{target.label} did not answer in {LIMIT_SECONDS:.0f} s"

    def _run(self) -> None:
        try:
            self._deliver()
        except NotDelivered as error:
            self.failure = f"{self._receiver.label}: {error}"
        except Cancelled as cancelled:
            self.failure = f"{self._receiver.label}: the notification was {cancelled.reason}"
        except Exception as error:  # noqa: BLE001 - the result does not depend on a notification
            _log.exception("a notification failed")
            self.failure = f"{self._receiver.label}: {type(error).__name__}: {error}"
        else:
            self.failure = None

    def _deliver(self) -> None:
        """Try up to three times.

        Raises:
            NotDelivered: the last try failed, or another try cannot succeed.
            Cancelled: the caller cancelled.
        """
        send = run_command if self._receiver.url is None else post
        for number in range(1, _TRIES + 1):
            try:
                send(self._receiver, self._message, self._variables, self._limit)
            except NotDelivered as error:
                _log.info("notification of %s, try %d: %s", self._receiver.label, number, error)
                pause = _PAUSE_SECONDS * number
                is_late = self._limit.remaining < pause + _SHORTEST_TRY_SECONDS
                if error.is_final or number == _TRIES or is_late:
                    raise
                self._limit.sleep(pause)
            else:
                return


def _message_of(end: AttemptEnd) -> Message:
    frame = result_frame(
        end.request_id,
        json.loads(end.document),
        severity=severity_of(end.outcome),
        last=end.cursor,
        number=1,
        at=end.at,
    )
    return Message(message_id=end.message_id, body=render_line(frame).encode("ascii"))
