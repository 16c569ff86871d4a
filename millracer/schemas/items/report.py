"""The fields that all reports about work items and runs have."""

from __future__ import annotations

from pydantic import Field

from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument
from millracer.schemas.run.outcome_error import OutcomeError


class ItemsUnknown(OutcomeError):
    """A work item, or the list of items, could not be read."""


class ItemsReport(Published):
    """A report about work items or runs; a subclass adds its own schema version and fields.

    Attributes:
        schema_version: the format of this document.
        workspace: its path; null if it could not be determined.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty if it did not.
    """

    schema_version: str
    workspace: str | None = None
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the items were read.

        Raises:
            ItemsUnknown: otherwise; the error's `result` is this document.
        """
        if self.errors:
            message = "the work items could not be read"
            raise ItemsUnknown(self, message, outcome="failed", errors=self.errors, next_steps=())
