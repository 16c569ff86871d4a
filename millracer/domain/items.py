"""Work items as Millrace holds them: identity, state and status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from millracer.cancellation import CancelReason
from millracer.domain.requests import IntakeKind


class ItemState(StrEnum):
    """Where Millrace holds a work item."""

    ABSENT = "absent"  #: nowhere
    MAILBOX = "mailbox"  #: handed to a running daemon, not taken in yet
    INBOX = "inbox"  #: an idea not yet made into a spec
    QUEUED = "queued"
    ACTIVE = "active"
    DONE = "done"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    INVALID = "invalid"  #: set aside as unreadable
    REFUSED = "refused"  #: the daemon refused the mailbox command

    @property
    def is_live(self) -> bool:
        """Whether Millrace will still work on it."""
        return self in _LIVE

    @property
    def is_set_aside(self) -> bool:
        """Whether Millrace will never work on it again although it neither ended nor blocked."""
        return self in _SET_ASIDE


_LIVE = frozenset({ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE})
_SET_ASIDE = frozenset(
    {
        ItemState.CANCELLED,
        ItemState.SUPERSEDED,
        ItemState.ARCHIVED,
        ItemState.INVALID,
        ItemState.REFUSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """The identity a run's work has in Millrace.

    Attributes:
        item_id: matches Millrace's `^[A-Za-z0-9][A-Za-z0-9._-]*$`, holds no dot.
        request_hash: SHA-256 (hex) of the request's body; empty for `--resume`.
        named: whether the caller named it, so that it may be there already.
    """

    item_id: str
    request_hash: str
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatus:
    """Where Millrace says one work item stands.

    Attributes:
        item_id: the id that was asked for.
        kind: under which intake kind it was found; None when absent or of another kind.
        millrace_id: the id Millrace uses now: the derived spec's for an idea, else `item_id`.
        request_hash: the body's hash that its document carries, if any.
        source: the command or file that said so.
        path: where the document lies, if anywhere.
        detail: Millrace's own words, such as why a mailbox command was refused.
        work_kind: Millrace's name of what it is now (task, probe, spec, incident, idea).
    """

    item_id: str
    state: ItemState
    source: str
    observed_at: datetime
    kind: IntakeKind | None = None
    millrace_id: str | None = None
    request_hash: str | None = None
    path: str | None = None
    detail: str = ""
    work_kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReceipt:
    """What submitting a work item to the backend led to.

    Attributes:
        status: where the item is now; absent only if `interrupted`.
        existed: the item was there already; `status` is the backend's answer about it.
        pending_command: the command that a running daemon has yet to carry out, if any.
        interrupted: why the caller asked to stop while the item was being added.
    """

    status: ItemStatus
    existed: bool = False
    pending_command: str | None = None
    interrupted: CancelReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedItem:
    """Something Millrace still works on or has blocked.

    Attributes:
        item_id: the id Millrace uses now.
        work_kind: Millrace's name of what it is: task, probe, spec, incident, idea.
        state: queued, active, blocked, inbox or mailbox.
        title: as its document has it; anybody's words.
        ours: its document, or what it was derived from, carries a request hash of ours.
        path: where the document lies.
    """

    item_id: str
    work_kind: str
    state: ItemState
    title: str
    ours: bool
    path: str
