"""What each call may be answered, what that means, and the bounds within which it is tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from millracer.errors import (
    DaemonDied,
    MillracerError,
    ProtocolError,
    ToolFailed,
    ToolNotFound,
    ToolTimeout,
    WorkspaceUnusable,
)
from tests.statespace.choices import Answer, Choice, Move

A = Answer
ANSWERS: Mapping[str, tuple[Answer, ...]] = {
    "check_supported": (A.DONE, A.REFUSED, A.SLOW, A.DIES),
    "look_up": (A.DONE, A.UNSEEN, A.REFUSED, A.GARBLED, A.SLOW, A.LATE, A.DIES),
    "read_status": (A.DONE, A.REFUSED, A.GARBLED, A.SLOW, A.LATE, A.DIES),
    "initialise": (A.DONE, A.REFUSED, A.SLOW, A.DIES, A.DID_BUT_DIES),
    "lock_item": (A.DONE, A.LATE, A.DIES),
    "add": (
        *(A.DONE, A.REFUSED, A.SLOW, A.GARBLED, A.DIES),
        *(A.DID_BUT_SLOW, A.DID_BUT_GARBLED, A.DID_BUT_STOPPED, A.DID_BUT_DIES),
    ),
    "control": (A.DONE, A.SLOW, A.LATE, A.DIES),
    "running": (A.DONE, A.REFUSED, A.SLOW, A.DIES),
    "validate_mode": (A.DONE, A.REJECTED, A.SLOW, A.DIES),
    "repair": (A.DONE, A.REFUSED, A.SLOW, A.DIES, A.DID_BUT_SLOW, A.DID_BUT_DIES),
    "start": (
        *(A.DONE, A.BOOTING, A.DAEMON_DIED, A.REFUSED, A.SLOW, A.DIES),
        *(A.DID_BUT_SLOW, A.DID_BUT_STOPPED, A.DID_BUT_DIES),
    ),
    "lease": (A.DONE, A.REFUSED, A.LATE, A.DIES),
    "next_hints": (A.DONE, A.SAFETY, A.OVER, A.DIES),
    "gather_evidence": (A.DONE, A.REFUSED, A.GARBLED, A.SLOW, A.DIES),
    "leave": (A.DONE, A.DIES, A.DID_BUT_DIES),
    "sleep": (A.DONE, A.OVER, A.DIES),
    "reply": (A.DONE, A.DIES),
    "begin": (A.DONE, A.REFUSED, A.DIES),
    "beside": (A.FIRST, A.LAST),
    "ask": (A.MILLRACE, A.DIRECT, A.PROSE, A.REFUSED, A.GARBLED, A.SLOW, A.DIES),
}
#: Where it shows what happened outside since.
READING = frozenset(
    {"look_up", "read_status", "running", "add", "next_hints", "gather_evidence", "leave"}
)
Failure: TypeAlias = Callable[[], MillracerError]
_GARBLED = partial(ProtocolError, "millrace", "what?")
_SLOW = partial(ToolTimeout, "millrace", "slow")
FAILURES: Mapping[Answer, Failure] = {
    A.REFUSED: partial(ToolFailed, "millrace", "no"),
    A.GARBLED: _GARBLED,
    A.DID_BUT_GARBLED: _GARBLED,
    A.SLOW: _SLOW,
    A.LATE: _SLOW,
    A.DID_BUT_SLOW: _SLOW,
    A.DAEMON_DIED: partial(DaemonDied, "millrace", "killed"),
}
PI_FAILURES: Mapping[Answer, Failure] = {
    A.REFUSED: partial(ToolFailed, "pi", "429"),
    A.GARBLED: partial(ProtocolError, "pi", "what?"),
    A.SLOW: partial(ToolTimeout, "pi", "slow"),
}
SAID: Mapping[Answer, str] = {
    A.MILLRACE: '{"decision": "millrace", "intake_kind": "task", "why": "w"}',
    A.DIRECT: '{"decision": "direct", "why": "w"}',
    A.PROSE: "It is completed. scoped_completion: true",
}
REFUSALS: Mapping[str, Failure] = {
    "check_supported": partial(ToolNotFound, "millrace", "nowhere"),
    "initialise": partial(WorkspaceUnusable, "read-only"),
}
#: Ordinary answers and moves, without a limit.
USUAL: frozenset[Choice] = frozenset(
    {A.DONE, A.BOOTING, A.SAFETY, A.OVER, A.MILLRACE, A.DIRECT, A.PROSE}
    | {A.FIRST, A.LAST}
    | {Move.TAKEN_IN, Move.CLAIMED, Move.RESULT_IS_VALID, Move.ENDED, Move.BLOCKED}
    | {Move.DAEMON_BOOTS, Move.DAEMON_DIES}
)
AFTER = frozenset({A.DID_BUT_GARBLED, A.DID_BUT_SLOW, A.DID_BUT_STOPPED, A.DID_BUT_DIES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may happen to one run.

    Attributes:
        usual: ordinary answers and moves, without a limit.
        troubles: how much of everything else, None for any number.
        left_out: what never happens.
        moves_at: before which calls something may happen outside.
    """

    usual: frozenset[Choice] = USUAL
    troubles: int | None = None
    left_out: frozenset[Choice] = frozenset()
    moves_at: frozenset[str] = READING
