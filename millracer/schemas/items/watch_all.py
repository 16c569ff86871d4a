"""The JSON of `millracer watch --all --json`: `millracer.watch-all.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import ErrorRecord, RunResult
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument, RunResultDocument
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.result import describe


class ItemsNotCompleted(OutcomeError):
    """An item of a workspace was not proven completed, or the items could not be followed."""

    result: WatchAllResult


class WatchAllResult(Published):
    """The results of the items that were followed, in the order in which they were followed.

    Attributes:
        schema_version: the format of this document.
        workspace: its path; null if it could not be determined.
        all_completed: true exactly when each of them is proven completed, and no error occurred.
        results: the result of each, as `run` prints it.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why the command failed; empty if it did not.
    """

    schema_version: Literal["millracer.watch-all.v1"] = "millracer.watch-all.v1"
    workspace: str | None = None
    all_completed: bool = False
    results: list[RunResultDocument] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)

    def raise_for_outcome(self) -> None:
        """Do nothing if each item is proven completed.

        Raises:
            ItemsNotCompleted: otherwise; the error's `result` is this document. Without an error,
                its code is the outcome of the first other item.
        """
        others = [each for each in self.results if each.outcome is not Outcome.COMPLETED]
        if not (self.errors or others):
            return
        first = others[0] if others else None
        raise ItemsNotCompleted(
            self,
            f"{len(others)} of {len(self.results)} work items are not completed",
            outcome=Outcome.FAILED if first is None else first.outcome,
            errors=self.errors or ([] if first is None else first.errors),
            next_steps=() if first is None else first.next_steps,
        )


def describe_watch_all(
    workspace: str, results: Iterable[RunResult], warnings: Iterable[RunWarning]
) -> WatchAllResult:
    """Convert the results into their published shape."""
    documents = [describe(result) for result in results]
    return WatchAllResult(
        workspace=workspace,
        all_completed=all(document.scoped_completion for document in documents),
        results=documents,
        warnings=[str(warning) for warning in warnings],
    )


def describe_failure(error: MillracerError, _command: str | None = None) -> WatchAllResult:
    """Return the document of a watch that could not begin."""
    return WatchAllResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
