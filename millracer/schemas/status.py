"""The JSON of `millracer status --json`: one `millracer.status.v1` document per read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from millracer.domain.run.result import ErrorRecord
from millracer.domain.status import DaemonOwner, DaemonState, WorkspaceStatus
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import Resolution, ResolutionRule
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import ItemId, Published
from millracer.schemas.run.document import ErrorDocument, StepDocument
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.parts import OptionalItemId


class PlaceDocument(Published):
    """The workspace and the rule that determined it; null where none could be determined.

    Attributes:
        root_path: its absolute path.
        rule: the rule that selected it.
        workspace_id: its id in the registry; null if it was not found by one.
        initialised: false where Millrace was never used: there is nothing to report then.
    """

    root_path: str
    rule: ResolutionRule
    workspace_id: str | None
    initialised: bool


class DaemonDocument(Published):
    """Whether a daemon works in the workspace, and its owner.

    Attributes:
        state: whether a daemon runs.
        pid: its process id.
        mode: the daemon's mode as Millrace reports it; null if it does not.
        mode_alias: `default_pi`, if that is an alias of `mode`; otherwise null.
        owner: `millracer`: owned, and the last command to watch stops it; `kept`: owned, and left
            running (`--keep-daemon`); `other`: foreign.
        watched: whether a command of Millracer watches it.
        paused: whether Millrace is paused: no new stage is started.
        pause_sources: what paused it.
        stop_requested: whether the daemon was asked to stop and finishes its stage.
    """

    state: DaemonState
    owner: DaemonOwner | None
    pid: int | None
    mode: str | None
    mode_alias: str | None
    watched: bool
    paused: bool
    pause_sources: str | None
    stop_requested: bool


class ActiveDocument(Published):
    """The item that a stage works on.

    Attributes:
        work_item_id: the item's id.
        work_kind: Millrace's name for its kind, such as task or spec.
        stage: the stage, such as builder.
        since: when the stage began.
    """

    work_item_id: OptionalItemId
    work_kind: str | None
    stage: str | None
    since: datetime | None


class UnfinishedDocument(Published):
    """An item that Millrace still works on or has blocked.

    Attributes:
        work_item_id: the item's id.
        work_kind: Millrace's name for its kind, such as task or spec.
        state: where Millrace holds the item.
        title: from the item's document.
        path: the path of that document.
        ours: whether Millracer enqueued the item, or the item it came from.
        reason: why it is blocked, if Millrace's event log gives a reason.
    """

    work_item_id: ItemId
    work_kind: str
    state: ItemState
    title: str
    ours: bool
    path: str
    reason: str | None


class EndDocument(Published):
    """The end of an item.

    Attributes:
        work_item_id: the item's id.
        work_kind: Millrace's name for its kind, such as task or spec.
        state: how it ended.
        at: when it ended.
        reason: why, if Millrace's event log gives a reason.
    """

    work_item_id: ItemId
    work_kind: str | None
    state: ItemState
    at: datetime
    reason: str | None


class StatusWarningDocument(Published):
    """A problem that keeps the work from continuing.

    Attributes:
        code: identifies the problem; docs/troubleshooting.md lists the codes.
        message: the problem as a sentence.
    """

    code: str
    message: Annotated[str, Field(validation_alias="text")]


class StatusUnknown(OutcomeError):
    """The status of a workspace could not be read."""

    result: StatusResult


class StatusResult(Published):
    """The state of one workspace.

    Attributes:
        schema_version: the format of this document.
        workspace: the workspace and how it was found.
        daemon: the daemon of the workspace.
        active: the item that a stage works on; null if none does.
        millrace_version: the version of Millrace; null if it was not called.
        warnings: problems that keep the work from continuing.
        errors: why the status could not be read; empty on success.
        queue_depths: how many items wait, by Millrace's planes.
        unfinished: active, waiting and blocked items, in this order.
        ended: the items that ended last, the newest first.
        next_steps: what to do about the problems in `warnings`.
        status: Millrace's own status document.
    """

    schema_version: Literal["millracer.status.v1"] = "millracer.status.v1"
    workspace: PlaceDocument | None = None
    daemon: DaemonDocument | None = None
    queue_depths: dict[str, int] = Field(default_factory=dict)
    active: ActiveDocument | None = None
    unfinished: list[UnfinishedDocument] = Field(default_factory=list)
    ended: list[EndDocument] = Field(default_factory=list)
    millrace_version: Annotated[str | None, Field(validation_alias="version")] = None
    status: dict[str, Any] | None = None
    warnings: list[StatusWarningDocument] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)
    next_steps: list[StepDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the status was read.

        Raises:
            StatusUnknown: otherwise; the error's `result` is this document.
        """
        if not self.errors:
            return
        raise StatusUnknown(
            self,
            "the status could not be read",
            outcome="failed",
            errors=self.errors,
            next_steps=self.next_steps,
        )


def describe_overview(
    overview: WorkspaceStatus, resolution: Resolution, warnings: tuple[RunWarning, ...] = ()
) -> StatusResult:
    """Convert a workspace's state into its published shape.

    Args:
        overview: the state.
        resolution: how the workspace was found.
        warnings: what else the caller should know.
    """
    status, daemon = overview.status, overview.daemon
    return StatusResult.of(
        overview,
        workspace=PlaceDocument.of(
            resolution, root_path=overview.workspace, initialised=overview.initialised
        ),
        daemon=DaemonDocument(
            state=overview.daemon_state,
            owner=overview.owner,
            pid=None if daemon is None else daemon.pid,
            mode=None if daemon is None else daemon.mode_id,
            mode_alias=overview.mode_alias,
            watched=overview.watched,
            paused=status is not None and status.paused,
            pause_sources=status.pause_sources if status is not None and status.paused else None,
            stop_requested=status is not None and status.stop_requested,
        ),
        queue_depths={} if status is None else dict(status.queue_depths),
        unfinished=[
            UnfinishedDocument.of(each.item, reason=each.reason) for each in overview.unfinished
        ],
        status=status and status.raw,
        warnings=(*warnings, *overview.warnings),
    )


def describe_failure(error: MillracerError, _command: str | None = None) -> StatusResult:
    """Return the document of a status that could not be read at all."""
    return StatusResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
