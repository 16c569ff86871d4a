"""The ops actions on Millrace: its status, and one task run to its end."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from millracer.application.choices import RunChoices
from millracer.application.ops_reply import (
    Reply,
    describe_error,
    describe_resolution,
    describe_taken,
    exit_code_of_error,
    failed,
)
from millracer.contracts.ops_options import OpsOptions
from millracer.contracts.ops_request import ReadRequest
from millracer.contracts.ops_result import (
    CompletionDocument,
    EnqueueReply,
    FreshnessDocument,
    OpsErrorDocument,
    OpsRoute,
    OpsStatus,
    Verification,
)
from millracer.contracts.run_result import describe
from millracer.domain.expectation import unmet
from millracer.domain.resolution import Resolution
from millracer.domain.result import RunResult, exit_code_of
from millracer.domain.session import Session
from millracer.domain.work import IntakePreference, Outcome, RoutePreference, RunRequest, RunWarning
from millracer.errors import (
    ExitCode,
    InvalidRequest,
    MillracerError,
    ToolTimeout,
    WorkspaceUnusable,
)
from millracer.ports import Directories, Millrace
from millracer.waiting import Cancellation, Wait

if TYPE_CHECKING:  # reading a status needs none of what runs a task
    from millracer.application.orchestrator import Orchestrator

#: How long Millrace may take to tell its status.
STATUS_SECONDS = 60.0

_STATUSES = {
    Outcome.COMPLETED: OpsStatus.SUCCEEDED,
    Outcome.BLOCKED: OpsStatus.BLOCKED,
    Outcome.INCOMPLETE: OpsStatus.INCOMPLETE,
    Outcome.TIMED_OUT: OpsStatus.TIMED_OUT,
    Outcome.CANCELLED: OpsStatus.CANCELLED,
    Outcome.CRASHED: OpsStatus.FAILED,
    Outcome.RESTART_NEEDED: OpsStatus.FAILED,
    Outcome.FAILED: OpsStatus.FAILED,
}


class Tools(Protocol):
    """Opens pi and Millrace for one workspace."""

    def millrace(self, root_path: str, choices: RunChoices) -> Millrace:
        """Return the Millrace of a workspace.

        Raises:
            MillracerError: a chosen directory or program cannot be used.
        """
        ...

    def orchestrator(
        self, root_path: str, choices: RunChoices, cancellation: Cancellation
    ) -> AbstractContextManager[Orchestrator]:
        """Yield an orchestrator; what it started ends with the block.

        Raises:
            MillracerError: a chosen directory, program or skill cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one request's work is done, and how."""

    resolution: Resolution
    choices: RunChoices
    session_mode: str | None

    @property
    def mode(self) -> str | None:
        """The mode that was named for the work, by whoever goes first."""
        return self.choices.mode or self.session_mode


def target_of(
    read: ReadRequest, resolution: Resolution, session: Session | None, choices: RunChoices
) -> Target:
    """Put together what request, command line, session and registry say of the work.

    The request's own words go first, then the command line's, then what the session selected, then
    what the workspace is registered with.
    """
    request = read.request
    options = request.options or OpsOptions()
    route, intake = request.route_preference, request.intake_preference
    if route is RoutePreference.AUTO:
        route = options.route or route
    if intake is IntakePreference.AUTO:
        intake = options.intake or intake
    choices = choices.overlaid(options)
    choices = replace(
        choices,
        mode=request.workspace_ref.mode or choices.mode,
        route=route or choices.route,
        intake=intake or choices.intake,
    )
    selected = None if session is None or session.selection is None else session.selection.mode
    return Target(
        resolution=resolution,
        choices=choices,
        session_mode=selected or resolution.default_mode,
    )


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
    _require_directory(root_path, directories)
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


def run_task(
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    """Run one task to its end, exactly as `millracer run` does."""
    request = _run_request(read, target)
    root_path = target.resolution.root_path
    _require_directory(root_path, directories)
    with tools.orchestrator(root_path, target.choices, cancellation) as orchestrator:
        result = orchestrator.run(request, cancellation)
    return _reply(read, target, request, result)


def _run_request(read: ReadRequest, target: Target) -> RunRequest:
    asked = read.request
    resume = None if asked.options is None else asked.options.resume
    if resume is None and read.task is None:
        raise InvalidRequest(
            "enqueue needs a task: input.text, or input.payload.task",
            field="input.text",
            code="invalid_input",
            suggested_action="give the task as input.text",
        )
    if resume is not None and read.task is not None:
        raise InvalidRequest(
            "options.resume continues a work item and takes no task",
            field="options.resume",
            suggested_action="leave the task out, or options.resume",
        )
    scope = asked.scoped_work_item
    return replace(
        target.choices.request(read.task or "", asked.request_id),
        request_id_named=True,
        idempotency_key=asked.idempotency_key,
        scope=None if scope is None else scope.to_scope(),
        context_refs=asked.context_refs or (),
        resume=resume,
        session_mode=target.session_mode,
    )


def _reply(read: ReadRequest, target: Target, request: RunRequest, result: RunResult) -> Reply:
    document = describe(result)
    expected = unmet(read.request.expected_evidence or (), result.proof)
    missing = [
        *(
            f"{gap.needed}; looked in {gap.looked_in}; found {gap.found}"
            for gap in result.missing_evidence
        ),
        *(f"expected evidence: {name}" for name in expected),
    ]
    verified = result.scoped_completion and not expected
    status = _STATUSES[result.outcome]
    return Reply(
        status=status,
        result=EnqueueReply(
            task=request.task,
            output=result.output,
            event=document.event,
            task_path=result.task_path,
            status=document.status,
            resolution=describe_resolution(target.resolution),
        ),
        completion=CompletionDocument(
            outcome=result.outcome,
            scoped_completion=result.scoped_completion,
            evidence_summary=document.completion_evidence,
            missing_evidence=missing,
            verification_status=Verification.VERIFIED if verified else Verification.UNVERIFIED,
            terminal_outcome_ref=None if result.event is None else result.event.run_id,
        ),
        route=None if result.route is None else OpsRoute(result.route),
        intake_kind=result.intake_kind,
        scope=result.scope or request.scope,
        workspace_ref=describe_taken(read.request.workspace_ref, target.resolution, target.mode),
        warnings=(*result.warnings, *_expectation_warning(expected)),
        errors=_errors(result),
        evidence_refs=_evidence_refs(result),
        raw_compat=document,
        exit_code=_exit_code(status, result),
    )


def _errors(result: RunResult) -> tuple[OpsErrorDocument, ...]:
    told = tuple(
        describe_error(
            MillracerError(error.message, suggested_action=error.suggested_action, code=error.code)
        ).model_copy(update={"detail": error.detail or None, "related_ref": result.work_item_id})
        for error in result.errors
    )
    if told or _STATUSES[result.outcome] is not OpsStatus.FAILED:
        return told
    # A lost daemon is an outcome of a run, but a caller of `failed` wants to be told why.
    step = result.next_steps[0].command if result.next_steps else None
    return (
        OpsErrorDocument(
            code=result.outcome,
            message=result.outcome if result.event is None else result.event.reason,
            related_ref=result.work_item_id,
            suggested_action=step,
        ),
    )


def _expectation_warning(expected: tuple[str, ...]) -> tuple[RunWarning, ...]:
    if not expected:
        return ()
    names = ", ".join(repr(name) for name in expected)
    return (RunWarning("expected_evidence_missing", f"no proof of this run is named {names}"),)


def _evidence_refs(result: RunResult) -> tuple[str, ...]:
    sources = [
        *(fact.source for fact in result.proof),
        *(member.source for member in result.lineage),
        *([] if result.task_path is None else [result.task_path]),
    ]
    return tuple(dict.fromkeys(sources))


def _exit_code(status: OpsStatus, result: RunResult) -> ExitCode | None:
    match status:
        case OpsStatus.CANCELLED:
            return exit_code_of(result)
        case OpsStatus.FAILED if result.errors:
            return exit_code_of_error(result.errors[0].code)
        case _:
            return None


def _require_directory(root_path: str, directories: Directories) -> None:
    if not directories.exists(root_path):
        raise WorkspaceUnusable(
            f"the workspace {root_path} is not a directory",
            code="workspace_missing",
            suggested_action="create the directory, or name another workspace",
        )
