"""Execute one prompt: pass frames from a running pi to a `Turn` and perform its actions in time."""

from __future__ import annotations

import time

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout
from millracer.pi import errors, frames
from millracer.pi.channel import PiChannel
from millracer.pi.turn import AskState, EmitText, EmitToolCall, Turn, TurnEnd
from millracer.ports import TextListener, ToolCall

#: How long pi may leave `get_state` unanswered while no attempt is running.
SILENCE_SECONDS = 120.0
_SAFETY_SECONDS = 5.0


def receive(channel: PiChannel, seconds: float, wait: Wait) -> frames.Frame | None:
    """Return the next frame as `PiChannel.next_frame`, and cancel a dialog, which would block pi.

    Raises:
        ChannelEnded, ProtocolError, ToolTimeout, Cancelled: as the channel.
    """
    frame = channel.next_frame(seconds)
    if isinstance(frame, frames.UiRequest) and frame.blocks:
        channel.send(frames.UiCancelled(id=frame.id), wait)
    return frame


def refuse_spent(wait: Wait) -> None:
    """Raise `Cancelled` or `ToolTimeout` when the turn's wait is over."""
    wait.cancellation.raise_if_cancelled()
    if wait.expired:
        raise ToolTimeout(
            frames.TOOL,
            "pi's turn did not end within its time limit and was aborted",
            suggested_action="raise the limit with --pi-timeout-seconds",
        )


class Exchange:
    """Sends one prompt through one channel and receives its answer."""

    def __init__(self, channel: PiChannel, turn: Turn, on_text: TextListener | None) -> None:
        self.channel = channel
        self._turn = turn
        self._on_text = on_text
        self._sent = False
        self._states = 0
        self._ask_at = float("inf")
        self._unanswered_since: float | None = None

    @property
    def sent(self) -> bool:
        """Whether pi may have received a part of the prompt."""
        return self._sent

    def run(self, prompt: str, wait: Wait) -> TurnEnd:
        """Send the prompt and return how its turn ended.

        Raises:
            ChannelEnded, ProtocolError, ToolFailed: pi cannot continue.
            ToolTimeout, Cancelled: the wait is over; the turn may still be running.
        """
        while receive(self.channel, 0.0, wait) is not None:
            pass  # frames sent between two turns do not belong to this one
        refuse_spent(wait)
        self._sent = True
        self.channel.send(frames.PromptRequest(id=self._turn.prompt_id, message=prompt), wait)
        while self._turn.end is None:
            refuse_spent(wait)
            self._step(wait)
        return self._turn.end

    def abort(self, wait: Wait) -> bool:
        """Abort the turn; return whether pi confirmed it and became idle before the wait was over.

        Raises:
            ChannelEnded, ProtocolError, ToolFailed, ToolTimeout, Cancelled: as `run`.
        """
        self._on_text = None
        answered = False
        request = frames.Request(type="abort", id=f"abort-{self._turn.prompt_id}")
        self.channel.send(request, wait)
        while not (answered and self._turn.end is not None):
            if wait.expired or wait.cancellation.reason is not None:
                return False
            frame = self._step(wait)
            if isinstance(frame, frames.Response) and frame.id == request.id:
                answered = True
        return True

    def _step(self, wait: Wait) -> frames.Frame | None:
        now = time.monotonic()
        if now >= self._ask_at and self._unanswered_since is None:
            self._states += 1
            self._ask_at, self._unanswered_since = float("inf"), now
            request = frames.Request(type="get_state", id=f"{self._turn.prompt_id}-{self._states}")
            self.channel.send(request, wait)
        self._refuse_silence(now)
        frame = receive(self.channel, min(self._ask_at - now, wait.remaining), wait)
        if frame is None:
            return None
        if isinstance(frame, frames.StateResponse):
            self._unanswered_since = None
            self._ask_within(_SAFETY_SECONDS)
        for action in self._turn.receive(frame):
            match action:
                case AskState(after_seconds=seconds):
                    self._ask_within(seconds)
                case EmitText(text=text):
                    if self._on_text is not None:
                        self._on_text(text)
                case EmitToolCall(name=name, subject=subject):
                    if self._on_text is not None:
                        self._on_text(ToolCall(name, subject))
        return frame

    def _ask_within(self, seconds: float) -> None:
        self._ask_at = min(self._ask_at, time.monotonic() + seconds)

    def _refuse_silence(self, now: float) -> None:
        since = self._unanswered_since
        if since is not None and not self._turn.awaits_pi and now - since > SILENCE_SECONDS:
            raise errors.silence(now - since, self.channel.stderr_lines)
