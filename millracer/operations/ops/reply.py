"""The reply of an ops action without its envelope, and builders of its published parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millracer.cancellation import CancelReason
from millracer.domain.failures import CallerCancelled, exit_code_of_cancel
from millracer.domain.operations import OpsVersion
from millracer.domain.requests import IntakeKind, ScopedWork
from millracer.domain.workspaces import RegisteredWorkspace, Resolution, Session
from millracer.errors import INTERNAL_ERROR, ExitCode, InvalidRequest, MillracerError, RunWarning
from millracer.schemas.ops.request import InvalidOpsRequest, WorkspaceRef
from millracer.schemas.ops.result import (
    CompletionDocument,
    EnqueueReply,
    FreshnessDocument,
    OpsErrorDocument,
    OpsResult,
    OpsRoute,
    OpsStatus,
    ResolutionDocument,
    SessionDocument,
    SessionReply,
    SessionsReply,
    Verification,
    WarningDocument,
    WorkspaceDocument,
    WorkspaceRefDocument,
    WorkspaceReply,
    WorkspacesReply,
    result_model,
)

if TYPE_CHECKING:  # most actions have no run
    from millracer.schemas.run.document import RunResultDocument

#: Codes of errors in the request itself, or in what it names.
_INVALID_CODES = frozenset(
    {"invalid_request", "state_conflict", "invalid_input", "usage", "config_invalid"}
)

NOTHING_TO_COMPLETE = CompletionDocument(
    outcome="unknown", scoped_completion=False, verification_status=Verification.NOT_APPLICABLE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The outcome of one action.

    Attributes:
        exit_code: None for the one of the status.
        workspace_ref: None to echo the request's.
    """

    status: OpsStatus = OpsStatus.SUCCEEDED
    result: (
        EnqueueReply
        | WorkspacesReply
        | WorkspaceReply
        | SessionsReply
        | SessionReply
        | dict[str, Any]
    )
    completion: CompletionDocument = NOTHING_TO_COMPLETE
    route: OpsRoute | None = OpsRoute.INSPECT_ONLY
    intake_kind: IntakeKind | None = None
    scope: ScopedWork | None = None
    workspace_ref: WorkspaceRefDocument | None = None
    warnings: tuple[RunWarning, ...] = ()
    errors: tuple[OpsErrorDocument, ...] = ()
    evidence_refs: tuple[str, ...] = ()
    freshness: FreshnessDocument | None = None
    raw_compat: RunResultDocument | None = None
    exit_code: ExitCode | None = None


def failed(error: MillracerError, *, resolution: Resolution | None = None) -> Reply:
    """Return the reply of an action that ended in an error."""
    invalid = error.refusals if isinstance(error, InvalidOpsRequest) else (error,)
    return Reply(
        status=OpsStatus.FAILED,
        result={}
        if resolution is None
        else {"resolution": describe_resolution(resolution).model_dump(mode="json")},
        completion=CompletionDocument(outcome="unknown", scoped_completion=False),
        route=None,
        errors=tuple(describe_error(one) for one in invalid),
        exit_code=exit_code_of_error(error.code),
    )


def cancelled(reason: CancelReason) -> Reply:
    """Return the reply of a request that was cancelled before it had a result."""
    error = MillracerError(
        f"the request was cancelled ({reason})",
        code="cancelled",
        suggested_action="send it again; the same request is the same work",
    )
    return replace(
        failed(error),
        status=OpsStatus.CANCELLED,
        exit_code=exit_code_of_cancel(reason),
    )


def without_request(reply: Reply, now: datetime, version: OpsVersion = OpsVersion.V02) -> OpsResult:
    """Return the result of a command that never read a request."""
    return result_model(version)(
        request_id=None,
        status=reply.status,
        action=None,
        workspace_ref=WorkspaceRefDocument(),
        started_at=now,
        finished_at=now,
        warnings=[],
        errors=list(reply.errors),
        result={},
        completion=reply.completion,
    )


def describe_failure(
    error: MillracerError, _command: str | None = None, *, version: OpsVersion = OpsVersion.V02
) -> OpsResult:
    """Return the result of a command that failed before it read a request."""
    reply = cancelled(error.reason) if isinstance(error, CallerCancelled) else failed(error)
    return without_request(reply, datetime.now(UTC), version)


def exit_code_of_error(code: str) -> ExitCode:
    """Return the exit code of a failed request: 2 if the request itself is wrong."""
    return ExitCode.USAGE if code in _INVALID_CODES else ExitCode.INTERNAL_ERROR


def describe_error(error: MillracerError) -> OpsErrorDocument:
    """Return the published form of an error."""
    return OpsErrorDocument(
        code=error.code,
        message=error.message,
        recoverable=error.code != INTERNAL_ERROR,
        field=error.field if isinstance(error, InvalidRequest) else None,
        suggested_action=error.suggested_action,
        detail=getattr(error, "detail", "") or None,
    )


def describe_warning(warning: RunWarning, *, field: str | None = None) -> WarningDocument:
    """Return the published form of a warning."""
    return WarningDocument(code=warning.code, message=warning.text, field=field)


def describe_resolution(resolution: Resolution) -> ResolutionDocument:
    """Return the published form of a resolution: the rule that selected the workspace."""
    return ResolutionDocument.of(resolution)


def echo_workspace(ref: WorkspaceRef) -> WorkspaceRefDocument:
    """Return the workspace reference of a request, as an echo."""
    return WorkspaceRefDocument.of(ref, runtime_kind=ref.runtime_kind or "local")


def describe_fleet_workspace(ref: WorkspaceRef, workspace_id: str | None) -> WorkspaceRefDocument:
    """Return the reference of a workspace of the fleet; its path is that of another machine."""
    return WorkspaceRefDocument(
        runtime_kind="fleet",
        workspace_id=workspace_id or ref.workspace_id,
        display_name=ref.display_name,
        environment=ref.environment,
    )


def describe_taken(
    ref: WorkspaceRef, resolution: Resolution, mode: str | None
) -> WorkspaceRefDocument:
    """Return the selected workspace and the mode chosen for it."""
    return WorkspaceRefDocument(
        runtime_kind=ref.runtime_kind or "local",
        workspace_id=resolution.workspace_id,
        root_path=resolution.root_path,
        display_name=resolution.display_name or ref.display_name,
        mode=mode,
        environment=ref.environment,
    )


def describe_workspace(workspace: RegisteredWorkspace) -> WorkspaceDocument:
    """Return the published form of a registered workspace."""
    return WorkspaceDocument.of(workspace)


def describe_session(session: Session) -> SessionDocument:
    """Return the published form of a session."""
    selection = session.selection
    return SessionDocument.of(
        session,
        selected_workspace_id=selection and selection.workspace_id,
        selected_root_path=selection and selection.root_path,
        selected_mode=selection and selection.mode,
    )
