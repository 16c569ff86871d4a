"""The JSON that `millracer ops --json` prints: one result for every input.

A request of version v0.3 has a result of version v0.3, any other input one of version v0.2.

The models are the only definition. Optional keys without a value are left out, as in the reference;
`request_id` and `action` are null where they could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from millracer.domain.operations import OpsVersion, load
from millracer.domain.requests import IntakeKind
from millracer.domain.run.outcome import Outcome
from millracer.domain.workspaces import ResolutionRule
from millracer.schemas.base import Code, Published
from millracer.schemas.deferred import Deferred
from millracer.schemas.ops.request import SCHEMA_VERSION
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.parts import EventDocument, EvidenceDocument, ScopedWorkDocument

if TYPE_CHECKING:  # only the result of a run holds one
    from millracer.schemas.run.document import RunResultDocument as _RunResult
else:
    _RunResult = Annotated[Any, Deferred("millracer.schemas.run.document:RunResultDocument")]


def _is_absent(value: object) -> bool:
    return value is None


Sparse = Field(exclude_if=_is_absent)
SparseText = Annotated[str | None, Sparse]


class OpsStatus(StrEnum):
    """How the request ended."""

    SUCCEEDED = "succeeded"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"


class OpsRoute(StrEnum):
    """What handled the request: pi, Millrace, or Millracer alone."""

    DIRECT = "direct"
    MILLRACE = "millrace"
    STATUS_ONLY = "status_only"
    INSPECT_ONLY = "inspect_only"  #: convenience state, read or written


class Verification(StrEnum):
    """Whether completion was proven; `not_applicable` if the action completes no work."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NOT_APPLICABLE = "not_applicable"


class WarningDocument(Published):
    """A warning: a problem that did not stop the request.

    Attributes:
        code: identifies the warning; docs/troubleshooting.md lists the codes.
        message: the warning as a sentence.
        severity: always `warning`.
        recoverable: always true.
        suggested_action: the next step.
        field: path of the request's field that caused it.
        related_ref: a related thing, such as a file.
    """

    code: Code
    message: str
    severity: Literal["warning"] = "warning"
    recoverable: bool = True
    field: SparseText = None
    related_ref: SparseText = None
    suggested_action: SparseText = None


class OpsErrorDocument(Published):
    """Why the request failed.

    Attributes:
        code: identifies the error; docs/troubleshooting.md lists the codes.
        message: the error as a sentence.
        severity: always `error`.
        suggested_action: the next step.
        recoverable: whether the same request can succeed once `suggested_action` was followed.
        field: path of the request's field that is wrong.
        related_ref: a related thing, such as a work item or a path.
        detail: an external program's own text.
    """

    code: Code
    message: str
    severity: Literal["error"] = "error"
    recoverable: bool = True
    field: SparseText = None
    related_ref: SparseText = None
    suggested_action: SparseText = None
    detail: SparseText = None


class WorkspaceRefDocument(Published):
    """The workspace that was used, or the request's own where the action needs none.

    Attributes:
        runtime_kind: `local`, or `fleet` for a workspace of the fleet.
        workspace_id: its id in the registry.
        root_path: its absolute path.
        display_name: its name for people.
        mode: the Millrace mode of delegated work.
        environment: as the request gave it.
    """

    runtime_kind: str = "local"
    workspace_id: SparseText = None
    root_path: SparseText = None
    display_name: SparseText = None
    mode: SparseText = None
    environment: SparseText = None


class ResolutionDocument(Published):
    """The rule that determined the workspace.

    Attributes:
        rule: the rule; docs/ops.md lists all.
        root_path: the absolute path of the workspace.
        workspace_id: its id in the registry; null if it was not found by one.
    """

    rule: ResolutionRule
    root_path: str
    workspace_id: str | None


class WorkspaceDocument(Published):
    """A registered workspace, or the command's own as `default`.

    Attributes:
        workspace_id: its id.
        root_path: its absolute path.
        display_name: its name for people.
        default_mode: its Millrace mode.
        tags: free words of the caller that registered it.
        is_default: whether ops and the operator use it if nothing else names a workspace.
    """

    workspace_id: str
    root_path: str
    display_name: str | None
    default_mode: str | None
    tags: list[str]
    is_default: bool


class SessionDocument(Published):
    """A session's stored selections; times are UTC.

    Attributes:
        session_id: its id.
        client_name: the client that used it last.
        selected_workspace_id: the id of the selected workspace, if it is registered.
        selected_root_path: the path of the selected workspace.
        selected_mode: the selected Millrace mode.
        recent_request_ids: the ids of its last requests.
        last_warning_codes: the warning codes of its last request.
        created_at: when it was first used.
        updated_at: when it was last used.
    """

    session_id: str
    client_name: str
    selected_workspace_id: str | None
    selected_root_path: str | None
    selected_mode: str | None
    recent_request_ids: list[str]
    last_warning_codes: list[str]
    created_at: datetime
    updated_at: datetime


class WorkspacesReply(Published):
    """Result of `list_workspaces`.

    Attributes:
        workspaces: the registered workspaces.
    """

    workspaces: list[WorkspaceDocument]


class WorkspaceReply(Published):
    """Result of `register_workspace` and `forget_workspace`.

    Attributes:
        workspace: the entry as it is or was.
    """

    workspace: WorkspaceDocument


class SessionsReply(Published):
    """Result of `list_sessions`.

    Attributes:
        sessions: the stored sessions.
    """

    sessions: list[SessionDocument]


class SessionReply(Published):
    """Result of `select_workspace`, `inspect_session` and `forget_session`.

    Attributes:
        session: the session as it is or was; null: there is no such session.
    """

    session: SessionDocument | None


class EnqueueReply(Published):
    """Result of `enqueue`; `raw_compat` holds the whole run result.

    Attributes:
        task: the text of the task, exactly as given.
        output: the closing answer.
        event: the event that decided the outcome.
        task_path: the intake document that was added.
        resolution: how the workspace was found.
        status: Millrace's own status document, as it was at the end.
    """

    task: str
    output: str
    event: EventDocument | None
    task_path: str | None
    status: dict[str, Any] | None
    resolution: ResolutionDocument


class CompletionDocument(Published):
    """What was proven about the caller's work item. Gate on `scoped_completion`.

    Attributes:
        scoped_completion: whether Millrace's evidence proves the work item done.
        outcome: how the run ended, `unknown` where there was none.
        evidence_summary: every proof; empty unless `scoped_completion`.
        missing_evidence: what completion would have needed, and the names in the request's
            `expected_evidence` that no proof matches.
        verification_status: `verified` only where nothing is missing.
        terminal_outcome_ref: the Millrace run that decided.
    """

    outcome: Outcome | Literal["unknown"]
    scoped_completion: bool
    evidence_summary: list[EvidenceDocument] = Field(default_factory=list)
    missing_evidence: list[str] = Field(default_factory=list)
    verification_status: Verification = Verification.UNVERIFIED
    terminal_outcome_ref: str | None = None


class FreshnessDocument(Published):
    """The age of a resident process's status; it is never older than its sources.

    Attributes:
        read_at: when Millrace gave the status.
        unchanged_since_read: true: it is an earlier answer, and when this request was answered
            nothing it depends on had changed since; false: this request called Millrace.
    """

    read_at: datetime
    unchanged_since_read: bool


class NotSucceeded(OutcomeError):
    """An ops request ended with another status than `succeeded`."""

    result: OpsResult


class OpsResult(Published):
    """The result of one request.

    Attributes:
        schema_version: the format of this document.
        request_id: as the request gave it; null if it could not be read.
        status: how the request ended.
        action: as the request gave it; null if it could not be read.
        workspace_ref: the workspace.
        started_at: when the request was read.
        finished_at: when the result was complete.
        warnings: problems that did not stop the request.
        errors: why the request failed; empty unless it did.
        completion: what was proven about the caller's work item.
        route: what handled the request.
        intake_kind: the kind of the intake document.
        scoped_work_item: the request's scope, as it was given.
        result: the action's own result: `status` gives Millrace's own status document and
            `resolution`; a failure gives what is known by then.
        evidence_refs: the files and commands that are the sources of the proof.
        result_freshness: of a `status` that a resident process (`ops --jsonl`) answers.
        event_cursor: of an event stream, the cursor of the last stored event.
        session_ref: the session the request belongs to.
        raw_compat: the run result of an `enqueue`, as `millracer run` prints it.
    """

    schema_version: Literal["millracer.ops.v0.2"] = SCHEMA_VERSION
    request_id: str | None
    status: OpsStatus
    action: str | None
    workspace_ref: WorkspaceRefDocument
    started_at: datetime
    finished_at: datetime
    warnings: list[WarningDocument]
    errors: list[OpsErrorDocument]
    result: (
        EnqueueReply
        | WorkspacesReply
        | WorkspaceReply
        | SessionsReply
        | SessionReply
        | dict[str, Any]
    )
    completion: CompletionDocument
    route: Annotated[OpsRoute | None, Sparse] = None
    intake_kind: Annotated[IntakeKind | None, Sparse] = None
    scoped_work_item: Annotated[ScopedWorkDocument | None, Sparse] = None
    evidence_refs: list[str] = Field(default_factory=list, exclude_if=lambda refs: not refs)
    result_freshness: Annotated[FreshnessDocument | None, Sparse] = None
    event_cursor: SparseText = None
    session_ref: SparseText = None
    raw_compat: Annotated[_RunResult | None, Sparse] = None

    def raise_for_outcome(self) -> None:
        """Do nothing if the request succeeded.

        Raises:
            NotSucceeded: otherwise; the error's `result` is this document.
        """
        if self.status is OpsStatus.SUCCEEDED:
            return
        message = f"the request ended as {self.status}"
        raise NotSucceeded(self, message, outcome=self.status, errors=self.errors, next_steps=())


#: The models by version. That of v0.3 is built for results of that version only.
_MODELS: Final[Mapping[OpsVersion, str]] = MappingProxyType(
    {
        OpsVersion.V02: "millracer.schemas.ops.result:OpsResult",
        OpsVersion.V03: "millracer.schemas.ops.result_v03:OpsResultV03",
    }
)


def result_model(version: OpsVersion) -> type[OpsResult]:
    """Return the model of a result of a version."""
    model: type[OpsResult] = load(_MODELS[version])
    return model
