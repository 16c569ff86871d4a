"""Hosts, workspaces and leases of the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

#: A host without a heartbeat for this long is away; another machine may take its name over then.
AWAY_AFTER_SECONDS: Final = 15.0


class OpenVerdict(StrEnum):
    """The answer to a worker that opens a host's session."""

    OPEN = "open"
    HELD = "held"  #: another session was seen within `AWAY_AFTER_SECONDS`
    OTHER_MACHINE = "other_machine"  #: silent, but of another machine: needs a take-over
    OTHER_ROLE = "other_role"  #: the name belongs to another database role


class RegisterVerdict(StrEnum):
    """The answer to a worker that announces a workspace."""

    REGISTERED = "registered"
    OTHER_HOST = "other_host"
    OTHER_CHECKOUT = "other_checkout"  #: same id, another identity
    SUPERSEDED = "superseded"  #: the session is not the host's


class TakeVerdict(StrEnum):
    """The answer to a worker that takes an item."""

    TAKEN = "taken"
    ENDED = "ended"
    HELD = "held"  #: its workspace is paused, or its earliest start is not reached
    SUPERSEDED = "superseded"  #: session, role or identity do not match


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSession:
    """The session that a worker opens for its host.

    Attributes:
        host: the host's name in the fleet.
        session: a UUID, fresh for this process.
        machine: the machine id, with what separates containers that share it.
        boot: the boot id.
        pid: the worker's process id.
        version: Millracer's version.
        slots: how many items run at once.
        holder_is_dead: the worker proved that the former holder of this machine has ended.
        take_over: the caller permits to take the name from another, silent machine.
    """

    host: str
    session: str
    machine: str
    boot: str
    pid: int
    version: str
    slots: int
    holder_is_dead: bool = False
    take_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedWorkspace:
    """A workspace as its worker announces it.

    Attributes:
        identity: the UUID of its checkout, which results state.
        secret: known to the checkout alone; it proves that a checkout moved to another host.
    """

    workspace_id: str
    root: str
    identity: str
    secret: str = field(repr=False)
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run one item in one workspace, until a later lease of the workspace.

    Attributes:
        epoch: greater than that of every earlier lease of the workspace.
        attempt: from 1.
        request: the ops request to perform.
        claimed_at: the database's clock.
        cancel_requested: the item is to be cancelled.
    """

    item_id: str
    workspace_id: str
    identity: str
    host: str
    session: str
    epoch: int
    attempt: int
    dispatch: int
    request: Mapping[str, Any]
    claimed_at: datetime
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answer to taking an item; with a lease if it was taken."""

    verdict: TakeVerdict
    lease: Lease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a heartbeat returns.

    Attributes:
        draining: the host starts nothing new.
        cancel_requested: running items of the host that are to be cancelled.
    """

    draining: bool
    cancel_requested: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """A host as the database knows it."""

    host: str
    role: str
    version: str
    slots: int
    draining: bool
    note: str
    running: Sequence[str]
    queued: int
    started_at: datetime | None
    seen_at: datetime | None
    away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWorkspace:
    """A workspace as the database knows it.

    Attributes:
        running: the item that holds the lease and has not ended; None if there is none.
        paused_until: None while the pause has no end.
    """

    workspace_id: str
    host: str
    root: str
    identity: str
    labels: Sequence[str]
    epoch: int
    running: str | None
    queued: int
    paused: bool
    note: str
    paused_until: datetime | None = None
