"""The fields of `input.payload` that ops actions read: those of every action, and those of a task.

The payloads of other actions have modules of their own, which are imported for those actions only.
"""

from __future__ import annotations

from millracer.domain.operations import ACTIONS, load
from millracer.schemas.base import Incoming, OptionalText


class Payload(Incoming):
    """The payload field of every action: its session.

    Attributes:
        session_id: the session; if absent, the one that the request names elsewhere.
    """

    session_id: OptionalText = None


class EnqueuePayload(Payload):
    """A task, where `input.text` does not give it; its text is kept unchanged.

    Attributes:
        task: the text of the task.
        text: another name for `task`, read if that is absent.
    """

    task: str | None = None
    text: str | None = None


def payload_of(action: str | None) -> type[Payload]:
    """Return the model of an action's payload; that of every action for an unknown one."""
    if action is None or action not in ACTIONS:
        return Payload
    model: type[Payload] = load(ACTIONS[action].payload)
    return model
