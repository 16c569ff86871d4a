"""What the agent of a stage said and did, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntryKind(StrEnum):
    """The kind of a transcript's entry."""

    TEXT = "text"  #: a message of the agent
    TOOL = "tool"  #: a call of a tool
    ERROR = "error"  #: the model failed


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEntry:
    """One message, tool call or error. All texts are untrusted.

    Attributes:
        text: the message, the tool's most informative argument, or the error.
        tool: the tool's name; None for other entries.
        failed: whether the tool reported an error.
    """

    kind: EntryKind
    text: str
    tool: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The transcript of one stage.

    Attributes:
        raw: the recorded file's text, else the agent's last message.
        is_complete: whether every step was recorded; otherwise only the last message is known.
    """

    entries: tuple[TranscriptEntry, ...] = ()
    raw: str = ""
    is_complete: bool = False
