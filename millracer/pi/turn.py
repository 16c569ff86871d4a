"""Decide when one prompt is finished and what its answer is: a state machine over pi's frames.

No I/O and no clock: it takes frames, returns actions, and `end` is the result. The rule works for
every supported pi, although only newer ones report that they are done. One prompt may have several
attempts, each with its own `agent_end`; between them pi sleeps or shortens its context. Therefore
`get_state` is sent whenever pi could be finished. The turn ends when pi reports that it is idle and
no announced step is pending. pi answers `get_state` after every frame it sent before, so no frame
is missed.

The answer is the last message that the model completed for this prompt, and only if the model
stopped by itself and wrote text. pi's own `get_last_assistant_text` may return the answer to
another prompt.

A limit: older versions of pi report a connection that the model's server closed cleanly in the
middle of an answer as a normal stop. A caller that needs a complete text must check its form.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from millracer.pi import frames

#: How long to wait for an attempt to start before a prompt counts as handled by an extension.
_HANDLED_PAUSE_SECONDS = 1.0
_IDLE_ANSWERS_FOR_HANDLED = 2


class EndKind(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    EMPTY = "empty"  #: the model stopped by itself and wrote nothing
    TRUNCATED = "truncated"  #: the model reached its output limit
    FAILED = "failed"  #: the model's last request failed
    ABORTED = "aborted"
    UNFINISHED = "unfinished"  #: no answer after the last tool call, or an unknown stop reason
    HANDLED = "handled"  #: an extension handled the prompt; the model never received it
    REJECTED = "rejected"  #: pi refused the prompt


_OTHER_STOPS = {
    "length": EndKind.TRUNCATED,
    "error": EndKind.FAILED,
    "aborted": EndKind.ABORTED,
}


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ended: with the answer (`text`), or with pi's own message (`words`)."""

    kind: EndKind
    text: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class AskState:
    """Send `get_state`, this many seconds from now."""

    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EmitText:
    """Send a piece of text to the listener."""

    text: str


@dataclass(frozen=True, slots=True)
class EmitToolCall:
    """Send a tool call to the listener."""

    name: str
    subject: str


Action: TypeAlias = AskState | EmitText | EmitToolCall


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
        self._messages: list[frames.AssistantMessage] = []
        self._emitted = ""  # the last piece of text
        self._message_ended = False

    @property
    def end(self) -> TurnEnd | None:
        """How the turn ended; None while it runs."""
        return self._end

    @property
    def messages(self) -> tuple[frames.AssistantMessage, ...]:
        """The messages that the model completed for this prompt so far, of every attempt."""
        return tuple(self._messages)

    @property
    def awaits_pi(self) -> bool:
        """Whether pi may be silent for long, as while an attempt is running."""
        return self._attempt_open or not self._accepted

    def receive(self, frame: frames.Frame) -> tuple[Action, ...]:
        """Process the next frame that pi sent after the prompt; return the actions to perform."""
        match frame:
            case frames.Response():
                return self._respond(frame)
            case frames.StateResponse(data=state):
                return self._judge(state)
            case frames.CompactionStart():
                self._compaction_open = True
                return ()
            case frames.CompactionEnd(will_retry=will_retry):
                # Another attempt is announced: the compaction is over when that attempt begins.
                self._compaction_open = will_retry is True
                return (AskState(),)
            case _:
                return self._follow(frame) if self._accepted else ()

    def _respond(self, response: frames.Response) -> tuple[Action, ...]:
        # pi answers a command that it could not parse without an id.
        is_match = response.id == self.prompt_id or (response.id is None and not response.success)
        if not is_match or self._accepted:
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
                self._messages.append(message)
                self._message_ended = True
                return tuple(map(_tool_call, message.tool_calls))
            case frames.TextDelta(delta=text) if text:
                return (EmitText(self._continue_with(text)),)
            case frames.AgentSettled() if self._started and not self._attempt_open:
                # Before this prompt starts, the frame can only belong to an earlier prompt.
                self._finish()
        return ()

    def _continue_with(self, text: str) -> str:
        """Return the next piece of text; the text of another message begins on a new line."""
        is_joined = self._message_ended and self._emitted and not self._emitted.endswith("\n")
        self._emitted, self._message_ended = text, False
        return f"\n{text}" if is_joined else text

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
        last = self._messages[-1] if self._messages else None
        self._end = TurnEnd(EndKind.HANDLED) if not self._started else _judge_message(last)


def _tool_call(block: frames.ContentBlock) -> EmitToolCall:
    arguments = block.arguments if isinstance(block.arguments, dict) else {}
    texts = (value for value in arguments.values() if isinstance(value, str))
    return EmitToolCall(str(block.name), next(texts, ""))


def _judge_message(message: frames.AssistantMessage | None) -> TurnEnd:
    if message is None:
        return TurnEnd(EndKind.EMPTY)
    if message.stop_reason != "stop":
        kind = _OTHER_STOPS.get(message.stop_reason, EndKind.UNFINISHED)
        return TurnEnd(kind, words=message.error_message or message.stop_reason)
    if not message.text.strip():
        return TurnEnd(EndKind.EMPTY)
    return TurnEnd(EndKind.ANSWERED, text=message.text)
