"""What `cancel`, `pause`, `resume` and `stop` print with `--json`: `millracer.control.v1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.items import ItemState
from millracer.domain.result import ErrorRecord
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run import ErrorDocument, OptionalItemId, StepDocument


class ControlResult(Published):
    """What is, now that it was asked for.

    Attributes:
        command: null where the command line could not be read so far.
        outcome: `done` and `already` alone mean that it is as was asked for, and was seen to be;
            `too_late`: the item has ended otherwise; `not_possible`: Millrace does not do this as
            things are; `not_confirmed`: Millrace was asked, and had not done it in time.
        message: the same for a person.
        work_item_id: the item it was about; `state` is where that is now.
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


def describe_control(
    report: ControlReport,
    errors: tuple[ErrorRecord, ...] = (),
    warnings: tuple[RunWarning, ...] = (),
) -> ControlResult:
    """Put what became of a command into its published shape.

    Args:
        report: what became of it.
        errors: why it failed.
        warnings: what else the caller should know.
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
