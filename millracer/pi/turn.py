"""When one prompt is finished, and what its answer is: a state machine over pi's frames.

No I/O and no clock: frames go in, actions come out, `end` says how it ended. The rule holds for
every pi we support, although only newer ones say when they are done. One prompt may have several
attempts, each with its own `agent_end`; between them pi sleeps or shortens its context. So pi is
asked for its state where it could be finished, and believed when it is at rest and nothing that it
announced is still to come. The question comes back behind everything pi said before, so no frame
can be missed.

The answer is the last message the model completed under this prompt, and only if it stopped by
itself and left text. pi's own `get_last_assistant_text` may name another prompt's answer.

Not to be told apart by any client: a connection the model's server closes cleanly in mid-answer is,
to older versions of pi, a model that stopped. Who needs a complete text has to check its form.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from millracer.pi import frames

#: How long a prompt that started nothing is given to start after all.
_HANDLED_PAUSE_SECONDS = 1.0
_IDLE_ANSWERS_FOR_HANDLED = 2


class EndKind(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    EMPTY = "empty"  #: the model stopped by itself and said nothing
    TRUNCATED = "truncated"  #: the model ran into its limit
    FAILED = "failed"  #: the model's last request failed
    ABORTED = "aborted"
    UNFINISHED = "unfinished"  #: no answer after the last tool call, or a stop we do not know
    HANDLED = "handled"  #: an extension took the prompt; the model never saw it
    REJECTED = "rejected"  #: pi refused the prompt


_OTHER_STOPS = {
    "length": EndKind.TRUNCATED,
    "error": EndKind.FAILED,
    "aborted": EndKind.ABORTED,
}


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ended, the answer if there is one, else pi's own words about it."""

    kind: EndKind
    text: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class AskState:
    """Send `get_state`, this many seconds from now."""

    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TellText:
    """Hand a piece of text to whoever listens."""

    text: str


Action: TypeAlias = AskState | TellText


class Turn:
    """One prompt, from the command to its end."""

    def __init__(self, prompt_id: str) -> None:
        self.prompt_id = prompt_id
        self._end: TurnEnd | None = None
        self._accepted = False
        self._started = False
        self._attempt_open = False
        self._retry_open = False
        self._compaction_open = False
        self._idle_answers = 0
        self._last: frames.AssistantMessage | None = None

    @property
    def end(self) -> TurnEnd | None:
        """How the turn ended; None while it runs."""
        return self._end

    @property
    def awaits_pi(self) -> bool:
        """Whether an attempt is running, so that pi may be silent for long."""
        return self._attempt_open or not self._accepted

    def receive(self, frame: frames.Frame) -> tuple[Action, ...]:
        """Take the next frame pi sent after the prompt and say what to do about it."""
        match frame:
            case frames.Response():
                return self._respond(frame)
            case frames.StateResponse(data=state):
                return self._judge(state)
            case frames.CompactionStart():
                self._compaction_open = True
                return ()
            case frames.CompactionEnd(will_retry=will_retry):
                # Another attempt was announced: the compaction is over when that one has begun.
                self._compaction_open = will_retry is True
                return (AskState(),)
            case _:
                return self._follow(frame) if self._accepted else ()

    def _respond(self, response: frames.Response) -> tuple[Action, ...]:
        # A command that pi could not read is answered without an id.
        ours = response.id == self.prompt_id or (response.id is None and not response.success)
        if not ours or self._accepted:
            return ()
        if not response.success:
            self._end = TurnEnd(EndKind.REJECTED, words=response.error or "")
            return ()
        self._accepted = True
        if response.data is not None and response.data.disposition == "handled":
            self._end = TurnEnd(EndKind.HANDLED)
            return ()
        return (AskState(),)

    def _follow(self, frame: frames.Frame) -> tuple[Action, ...]:
        match frame:
            case frames.AgentStart():
                self._started = self._attempt_open = True
                self._retry_open = self._compaction_open = False
            case frames.AgentEnd(will_retry=will_retry):
                self._attempt_open = False
                return () if will_retry else (AskState(),)
            case frames.RetryStart():
                self._retry_open = True
            case frames.RetryEnd(success=False):
                self._retry_open = False
                return (AskState(),)
            case frames.MessageEnd(message=frames.AssistantMessage() as message):
                self._last = message
            case frames.TextDelta(delta=text):
                return (TellText(text),)
            case frames.AgentSettled() if self._started and not self._attempt_open:
                # Before this prompt's own start it can only be the end of an earlier one.
                self._finish()
        return ()

    def _judge(self, state: frames.StateData) -> tuple[Action, ...]:
        busy = self._attempt_open or self._retry_open or self._compaction_open
        if not self._accepted or busy:
            return ()
        if not state.is_idle:
            self._idle_answers = 0
            return ()
        self._idle_answers += 1
        if not self._started and self._idle_answers < _IDLE_ANSWERS_FOR_HANDLED:
            return (AskState(_HANDLED_PAUSE_SECONDS),)
        self._finish()
        return ()

    def _finish(self) -> None:
        self._end = TurnEnd(EndKind.HANDLED) if not self._started else _judge_message(self._last)


def _judge_message(message: frames.AssistantMessage | None) -> TurnEnd:
    if message is None:
        return TurnEnd(EndKind.EMPTY)
    if message.stop_reason != "stop":
        kind = _OTHER_STOPS.get(message.stop_reason, EndKind.UNFINISHED)
        return TurnEnd(kind, words=message.error_message or message.stop_reason)
    if not message.text.strip():
        return TurnEnd(EndKind.EMPTY)
    return TurnEnd(EndKind.ANSWERED, text=message.text)
