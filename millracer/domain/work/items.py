"""Work items as Millrace holds them: identity, state and status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from millracer.cancellation import CancelReason
from millracer.domain.requests import IntakeKind


class ItemState(StrEnum):
    """The place of a work item in Millrace."""

    ABSENT = "absent"  #: nowhere
    MAILBOX = "mailbox"  #: sent to a running daemon, not accepted yet
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
        """Whether Millrace will never work on it again although it is neither done nor blocked."""
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
    """The identity of a run's work in Millrace.

    Attributes:
        item_id: matches Millrace's `^[A-Za-z0-9][A-Za-z0-9._-]*$`, holds no dot.
        request_hash: SHA-256 (hex) of the request's body; empty for `--resume`.
        named: whether the caller named it, so that it may exist already.
    """

    item_id: str
    request_hash: str
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatus:
    """The status of one work item in Millrace.

    Attributes:
        item_id: the requested id.
        kind: its intake kind; None when absent or of another kind.
        millrace_id: the id Millrace uses now: the derived spec's for an idea, else `item_id`.
        request_hash: the request hash in its document, if any.
        source: the command or file that reported it.
        path: the path of its document, if there is one.
        detail: Millrace's own words, such as why a mailbox command was refused.
        work_kind: Millrace's current name for its kind (task, probe, spec, incident, idea).
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
    """The result of submitting a work item to the backend.

    Attributes:
        status: where the item is now; absent only if `interrupted`.
        existed: the item existed already; `status` is the backend's answer about it.
        pending_command: the command that a running daemon has yet to carry out, if any.
        interrupted: why the caller asked to stop while the item was being added.
    """

    status: ItemStatus
    existed: bool = False
    pending_command: str | None = None
    interrupted: CancelReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item in any state, as a list shows it.

    Attributes:
        item_id: the id Millrace uses now.
        work_kind: Millrace's name for its kind: task, probe, spec, incident, idea.
        title: from its document; untrusted text.
        written_at: when its document was last written; aware, in UTC.
        path: the path of its document.
    """

    item_id: str
    work_kind: str
    state: ItemState
    title: str
    written_at: datetime
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedItem:
    """An item that is live or blocked in Millrace.

    Attributes:
        item_id: the id Millrace uses now.
        work_kind: Millrace's name for its kind: task, probe, spec, incident, idea.
        state: queued, active, blocked, inbox or mailbox.
        title: from its document; untrusted text.
        ours: Millracer submitted it: its document, or that of its origin, has a request hash.
        path: the path of its document.
    """

    item_id: str
    work_kind: str
    state: ItemState
    title: str
    ours: bool
    path: str
