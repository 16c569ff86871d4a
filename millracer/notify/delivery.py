"""One message, and the failure of one try to deliver it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The message about the end of one attempt.

    Attributes:
        message_id: the same for every try, so that a receiver can drop duplicates.
        body: one JSON object, without secrets.
    """

    message_id: str
    body: bytes = field(repr=False)


class NotDelivered(Exception):
    """A try failed; its text says why.

    Args:
        reason: why.
        is_final: whether another try cannot succeed.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
