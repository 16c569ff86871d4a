"""What `millracer submit --json` prints: `millracer.submit.v1`, one document for every input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from millracer.domain.requests import IntakeKind
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.submission import Submission, exit_code_of_state
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode, MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument, StepDocument
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.parts import OptionalItemId


class NotSubmitted(OutcomeError):
    """Millrace does not hold the item of a submission, or will not work on it."""

    result: SubmitResult


class SubmitResult(Published):
    """Where the item of one request is now.

    Attributes:
        schema_version: the format of this document.
        request_id: the request's id, given or generated.
        workspace: the absolute path of the workspace.
        work_item_id: null where there was none yet; `watch` and `cancel` take it.
        state: where Millrace holds the item; null where it holds none of it.
        found: the item was in Millrace already, and was not added again.
        intake_kind: the kind of the intake document.
        intake_signals: the words of the task that decided the kind.
        daemon_runs: whether a daemon is there to work on it; none was started.
        task_path: the intake document that was added.
        millrace_version: the version of Millrace; null if it was not called.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty unless it did.
        next_steps: the commands that continue from here.
    """

    schema_version: Literal["millracer.submit.v1"] = "millracer.submit.v1"
    request_id: str | None = None
    workspace: str | None = None
    work_item_id: OptionalItemId = None
    state: ItemState | None = None
    found: bool = False
    intake_kind: IntakeKind | None = None
    intake_signals: list[str] = Field(default_factory=list)
    task_path: str | None = None
    daemon_runs: bool = False
    millrace_version: Annotated[str | None, Field(validation_alias="version")] = None
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)
    next_steps: list[StepDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if Millrace holds the item and will work on it, or has done it.

        Raises:
            NotSubmitted: otherwise; the error's `result` is this document.
        """
        code = exit_code_of_state(self.state)
        if not self.errors and code is ExitCode.COMPLETED:
            return
        item, state = self.work_item_id or "the item", self.state or "not in Millrace"
        raise NotSubmitted(
            self,
            f"{item} is {state}",
            outcome=code.name.lower(),
            errors=self.errors,
            next_steps=self.next_steps,
        )


def describe_submission(
    submission: Submission, steps: tuple[NextStep, ...], warnings: tuple[RunWarning, ...] = ()
) -> SubmitResult:
    """Put what became of a request into its published shape.

    Args:
        submission: how the submission ended.
        steps: the next steps.
        warnings: further warnings for the caller.
    """
    item_status = submission.item_status
    return SubmitResult.of(
        submission,
        request_id=submission.request.request_id,
        state=item_status and item_status.state,
        daemon_runs=submission.daemon is not None,
        warnings=[str(warning) for warning in (*warnings, *submission.warnings)],
        next_steps=steps,
    )


def describe_failure(
    error: MillracerError, _command: str | None = None, *, request_id: str | None = None
) -> SubmitResult:
    """Return the document of a request that failed before there was an item."""
    return SubmitResult(request_id=request_id, errors=[ErrorDocument.of(ErrorRecord.of(error))])
