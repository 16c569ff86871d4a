"""The JSON of `millracer watch --all --json`: `millracer.watch-all.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from millracer.domain.run.result import ErrorRecord, RunResult
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument, RunResultDocument
from millracer.schemas.run.result import describe


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
