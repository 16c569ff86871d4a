"""The JSON of `cancel`, `pause`, `resume` and `stop` with `--json`: `millracer.control.v1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.run.result import ErrorRecord
from millracer.domain.work.items import ItemState
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument, StepDocument
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.parts import OptionalItemId


class ControlNotDone(OutcomeError):
    """The requested effect of a control command was not observed."""

    result: ControlResult


class ControlResult(Published):
    """The result of one control command.

    Attributes:
        schema_version: the format of this document.
        command: the command; null if the command line could not be read that far.
        outcome: how the command ended. Only `done` and `already` mean that the requested effect was
            observed; `too_late`: the item had already ended in another way; `not_possible`:
            Millrace cannot do this in the current state; `not_confirmed`: Millrace was asked, and
            the effect was not observed in time.
        message: the outcome as a sentence.
        workspace: the absolute path of the workspace.
        work_item_id: the command's item; null if the command has none.
        state: the item's current state.
        millrace_version: the version of Millrace; null if it was not called.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty unless it did.
        next_steps: the commands that continue from here.
    """

    schema_version: Literal["millracer.control.v1"] = "millracer.control.v1"
    command: ControlCommand | None = None
    outcome: ControlOutcome
    message: str
    workspace: str | None = None
    work_item_id: OptionalItemId = None
    state: ItemState | None = None
    millrace_version: Annotated[str | None, Field(validation_alias="version")] = None
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)
    next_steps: list[StepDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the requested effect was observed.

        Raises:
            ControlNotDone: otherwise; the error's `result` is this document.
        """
        if self.outcome.is_success:
            return
        raise ControlNotDone(
            self,
            self.message,
            outcome=self.outcome,
            errors=self.errors,
            next_steps=self.next_steps,
        )


def describe_control(
    report: ControlReport,
    errors: tuple[ErrorRecord, ...] = (),
    warnings: tuple[RunWarning, ...] = (),
) -> ControlResult:
    """Convert a command's report into its published shape.

    Args:
        report: the report.
        errors: why the command failed.
        warnings: further warnings for the caller.
    """
    return ControlResult.of(
        report,
        warnings=[str(warning) for warning in (*warnings, *report.warnings)],
        errors=errors,
    )


def describe_failure(error: MillracerError, command: str | None) -> ControlResult:
    """Return the document of a command that failed before it reached Millrace."""
    return ControlResult(
        command=next((each for each in ControlCommand if each == command), None),
        outcome=ControlOutcome.FAILED,
        message=error.message,
        errors=[ErrorDocument.of(ErrorRecord.of(error))],
    )
