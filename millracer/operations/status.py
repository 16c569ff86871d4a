"""Read the status of a workspace, each part once; changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from millracer.cancellation import Cancellation, Wait
from millracer.domain.run.evidence import runner_failure
from millracer.domain.run.result import ErrorRecord
from millracer.domain.status import WorkspaceStatus
from millracer.domain.work.items import ItemState, ItemStatus, UnfinishedItem
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.errors import ExitCode, MillracerError, ToolTimeout, WorkspaceUnusable
from millracer.operations.context import Target, Tools, require_directory
from millracer.operations.ops.reply import Reply, describe_resolution, describe_taken, failed
from millracer.ports import Backend, Directories
from millracer.schemas.ops.request import ReadRequest
from millracer.schemas.ops.result import FreshnessDocument, OpsRoute, OpsStatus

#: How long Millrace may take to report its status.
STATUS_SECONDS = 60.0
#: Millrace's name for the state of a lock whose process lives.
_HELD = "active"
#: So many blocked items are explained: each takes some milliseconds.
_EXPLAINED = 5


def read_status(millrace: Backend, wait: Wait) -> WorkspaceStatus:
    """Return the status of a workspace; a failure of Millrace is listed in its errors.

    Even then the status contains everything that can be read from disk.

    Raises:
        Cancelled: the caller asked to stop.
    """
    found = WorkspaceStatus(
        workspace=millrace.workspace,
        commands=millrace.commands,
        initialised=millrace.is_initialised,
    )
    within = wait.within(STATUS_SECONDS)
    if not found.initialised:
        try:
            return replace(found, version=millrace.check_supported(within))
        except MillracerError as error:
            return replace(found, version=millrace.version, errors=(ErrorRecord.of(error),))
    daemon = None
    try:
        version = millrace.check_supported(within)
        status = millrace.read_status(within)
        daemon = millrace.supervisor.find()
        is_held = status.lock == _HELD
        found = replace(
            found,
            version=version,
            status=status,
            stranded=is_held and daemon is None and millrace.supervisor.is_stale(within),
        )
    except MillracerError as error:
        daemon = daemon or millrace.supervisor.find()
        found = replace(found, version=millrace.version, errors=(ErrorRecord.of(error),))
    left = millrace.list_unfinished()
    return replace(
        found,
        daemon=daemon,
        watched=millrace.supervisor.is_watched(),
        default_mode_id=millrace.resolve_mode(DEFAULT_MODE),
        left=left,
        failures=_runner_failures(millrace, left),
        events=millrace.recent_events(),
    )


def _runner_failures(millrace: Backend, left: tuple[UnfinishedItem, ...]) -> dict[str, str]:
    """Return why the stage runners of the newest blocked items failed, by item."""
    blocked = [item for item in left if item.state is ItemState.BLOCKED][:_EXPLAINED]
    failures = {}
    for item in blocked:
        sketch = ItemStatus(
            item_id=item.item_id,
            state=item.state,
            source=item.path,
            observed_at=datetime.now(UTC),
            work_kind=item.work_kind,
        )
        failure = runner_failure(millrace.trace_lineage(sketch))
        if failure is not None:
            failures[item.item_id] = failure
    return failures


def report_status(
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    """Reply with Millrace's own status; changes nothing in the workspace."""
    root_path = target.resolution.root_path
    require_directory(root_path, directories)
    wait = Wait(cancellation).within(STATUS_SECONDS)
    taken = describe_taken(read.request.workspace_ref, target.resolution, target.mode)
    resolution = describe_resolution(target.resolution).model_dump(mode="json")
    try:
        millrace = tools.millrace(root_path, target.merged.options)
        millrace.check_supported(wait)
        if not directories.is_workspace(root_path):
            raise WorkspaceUnusable(
                f"{root_path} is not initialised as a Millrace workspace",
                code="workspace_uninitialised",
                suggested_action="enqueue a task there: the first one initialises it",
            )
        status = millrace.read_status(wait)
    except ToolTimeout as error:
        return replace(
            failed(error, resolution=target.resolution),
            status=OpsStatus.TIMED_OUT,
            route=OpsRoute.STATUS_ONLY,
            workspace_ref=taken,
            exit_code=ExitCode.TIMED_OUT,
        )
    return Reply(
        result={**status.raw, "resolution": resolution},
        route=OpsRoute.STATUS_ONLY,
        workspace_ref=taken,
        evidence_refs=(status.source,),
        freshness=None
        if status.unchanged_since_read is None
        else FreshnessDocument(
            read_at=status.observed_at, unchanged_since_read=status.unchanged_since_read
        ),
    )
