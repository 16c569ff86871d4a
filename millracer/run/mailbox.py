"""Waiting for a daemon's answer to a command in its mailbox."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.runtime import CommandState, MailboxReply
from millracer.ports import Millrace

_POLL_SECONDS = 0.1


def await_mailbox(millrace: Millrace, command_id: str, wait: Wait) -> MailboxReply:
    """Return the daemon's reply to a mailbox command; still waiting once the wait is over.

    Raises:
        Cancelled: the caller asked to stop.
    """
    reply = millrace.mailbox_reply(command_id)
    while reply.state is CommandState.WAITING and not wait.expired:
        wait.sleep(_POLL_SECONDS)
        reply = millrace.mailbox_reply(command_id)
    return reply
