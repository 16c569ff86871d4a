"""The JSON of `millracer diff --json`: `millracer.diff.v1`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.run.changes import ChangesDocument
from millracer.schemas.run.document import ErrorDocument
from millracer.schemas.run.outcome_error import OutcomeError


class DiffUnknown(OutcomeError):
    """It is not known which files changed during the work on an item."""

    result: DiffResult


class DiffResult(Published):
    """The changes of a workspace's files between the start and the end of the work on an item.

    Attributes:
        schema_version: the format of this document.
        workspace: the path of the workspace.
        work_item_id: null if the command line could not be read that far.
        changes: the changed files; null if there is an error.
        patch: the changes as a unified diff; without the content of binary files.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty unless it did.
    """

    schema_version: Literal["millracer.diff.v1"] = "millracer.diff.v1"
    workspace: str | None = None
    work_item_id: str | None = None
    changes: ChangesDocument | None = None
    patch: str = ""
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if the changes are known.

        Raises:
            DiffUnknown: otherwise; the error's `result` is this document.
        """
        if not self.errors:
            return
        raise DiffUnknown(
            self,
            "the changes are not known",
            outcome="failed",
            errors=self.errors,
            next_steps=(),
        )


def describe_failure(error: MillracerError, _command: str | None = None) -> DiffResult:
    """Return the document of a failed command."""
    return DiffResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
