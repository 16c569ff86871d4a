"""All workspaces of a server at a glance: `millracer.board.v1`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from millracer.domain.work.items import ItemState
from millracer.schemas.base import Published
from millracer.schemas.serve.errors import HttpErrorDocument
from millracer.schemas.serve.workspaces import ServedWorkspaceDocument


class BoardDaemonState(StrEnum):
    """Whether Millrace works in a workspace."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"  #: no new stage is started, whether or not a daemon runs
    UNSEEN = "unseen"  #: only its lock shows that it may run
    UNKNOWN = "unknown"  #: Millrace's status could not be read


class BoardDaemon(Published):
    """The daemon of a workspace.

    Attributes:
        state: whether it runs.
        pid: its process id; null if none runs.
        since: when it started; null if none runs.
    """

    state: BoardDaemonState
    pid: int | None
    since: datetime | None


class BoardCounts(Published):
    """How many items a workspace holds.

    Attributes:
        queued: waiting items.
        active: items that a stage works on.
        blocked: blocked items.
        ended_today: items that ended since midnight of the server's time zone.
    """

    queued: int
    active: int
    blocked: int
    ended_today: int


class BoardRunning(Published):
    """An item that a stage works on.

    Attributes:
        work_item_id: the item.
        title: from its document; any text.
        kind: Millrace's name for its kind.
        stage: the stage; null between two stages.
        since: when the stage began; null if not known.
        runner: `here` if this server runs it, `elsewhere` if another process does, null if only
            the daemon works on it.
    """

    work_item_id: str
    title: str
    kind: str
    stage: str | None
    since: datetime | None
    runner: Literal["here", "elsewhere"] | None


class BoardItem(Published):
    """An item that waits or is blocked.

    Attributes:
        work_item_id: the item.
        title: from its document; any text.
        kind: Millrace's name for its kind.
        written_at: when its document was last written; null if not known.
        reason: why it is blocked; null if not known, and for a waiting item.
    """

    work_item_id: str
    title: str
    kind: str
    written_at: datetime | None
    reason: str | None


class BoardEnded(Published):
    """An item that ended today.

    Attributes:
        work_item_id: the item.
        title: from its document, else its id; any text.
        kind: Millrace's name for its kind; null if not known.
        state: how it ended.
        ended_at: when.
    """

    work_item_id: str
    title: str
    kind: str | None
    state: ItemState
    ended_at: datetime


class BoardWorkspace(ServedWorkspaceDocument):
    """One workspace.

    Attributes:
        daemon: its daemon.
        counts: how many items it holds.
        running: the items that a stage works on.
        waiting: the first five waiting items.
        blocked: the first five blocked items.
        ended: the last five items that ended today, the newest first.
        error: why its status could not be read; null on success.
    """

    daemon: BoardDaemon
    counts: BoardCounts
    running: list[BoardRunning]
    waiting: list[BoardItem]
    blocked: list[BoardItem]
    ended: list[BoardEnded]
    error: HttpErrorDocument | None


class BoardResult(Published):
    """All workspaces at a glance.

    Attributes:
        schema_version: the format of this document.
        version: the version of Millracer.
        read_only: whether the server changes nothing.
        has_fleet: whether the server shows a fleet.
        started_at: when the server started.
        now: the time of the server.
        workspaces: the workspaces, by name.
    """

    schema_version: Literal["millracer.board.v1"] = "millracer.board.v1"
    version: str
    read_only: bool
    has_fleet: bool
    started_at: datetime
    now: datetime
    workspaces: list[BoardWorkspace]
