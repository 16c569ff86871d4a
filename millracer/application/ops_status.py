"""The ops action that asks Millrace for its status."""

from __future__ import annotations

from dataclasses import replace

from millracer.application.ops_reply import Reply, describe_resolution, describe_taken, failed
from millracer.application.ops_target import Target, Tools, require_directory
from millracer.application.overseeing import STATUS_SECONDS
from millracer.contracts.ops_request import ReadRequest
from millracer.contracts.ops_result import FreshnessDocument, OpsRoute, OpsStatus
from millracer.errors import ExitCode, ToolTimeout, WorkspaceUnusable
from millracer.ports import Directories
from millracer.waiting import Cancellation, Wait


def report_status(
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    """Ask Millrace for its status; changes nothing in the workspace."""
    root_path = target.resolution.root_path
    require_directory(root_path, directories)
    if not directories.is_workspace(root_path):
        raise WorkspaceUnusable(
            f"{root_path} is not initialised as a Millrace workspace",
            code="workspace_uninitialised",
            suggested_action="enqueue a task there, or run `millrace init`",
        )
    wait = Wait(cancellation).within(STATUS_SECONDS)
    taken = describe_taken(read.request.workspace_ref, target.resolution, target.mode)
    resolution = describe_resolution(target.resolution).model_dump(mode="json")
    try:
        millrace = tools.millrace(root_path, target.choices)
        millrace.check_supported(wait)
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
        evidence_refs=("millrace status --format json",),
        freshness=None
        if status.unchanged_since_read is None
        else FreshnessDocument(
            read_at=status.observed_at, unchanged_since_read=status.unchanged_since_read
        ),
    )
