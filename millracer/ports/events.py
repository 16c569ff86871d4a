"""Listeners of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from millracer.domain.event_log import Event
    from millracer.domain.run.progress import ProgressEvent

#: Receives the events of a work item, of this run or of its log.
EventListener: TypeAlias = "Callable[[Event], None]"
#: Receives each event of a run as it happens, in the thread of the run.
ProgressListener: TypeAlias = "Callable[[ProgressEvent], None]"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The agent is about to use a tool; `subject` is the main argument, such as a command."""

    name: str
    subject: str


#: Receives the agent's text as it is written, and its tool calls.
TextListener: TypeAlias = Callable[[str | ToolCall], None]
