"""The JSON of `millracer history --json`: `millracer.history.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from millracer.domain.run.attempts import Attempt
from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import ItemId, Published
from millracer.schemas.items.report import ItemsReport
from millracer.schemas.run.document import ErrorDocument


class Placed(Protocol):
    """An attempt with its item and workspace."""

    @property
    def attempt(self) -> Attempt:
        """The attempt."""
        ...

    @property
    def work_item_id(self) -> str:
        """The id of the item."""
        ...

    @property
    def workspace(self) -> str:
        """The path of the workspace."""
        ...

    @property
    def workspace_id(self) -> str | None:
        """The id of the workspace, if it is registered."""
        ...


class AttemptDocument(Published):
    """One attempt at a work item.

    Attributes:
        work_item_id: the item.
        number: the attempt, from 1.
        request_id: the request of the process that started it.
        started_at: the start.
        ended_at: the end; null while it runs, and if its process was killed.
        seconds: the duration; null without an end.
        is_lost: whether its process was killed.
        outcome: how it ended for its caller; null without an end.
        scoped_completion: whether the item was proven done.
        tokens: the tokens of the item by its end; null if they are not known.
        workspace: the path of the workspace.
        workspace_id: null for an unregistered workspace.
    """

    work_item_id: ItemId
    number: int
    request_id: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None
    is_lost: bool
    outcome: str | None
    scoped_completion: bool
    tokens: int | None
    workspace: str
    workspace_id: str | None


class HistoryResult(ItemsReport):
    """The attempts that were watched here, the last started first. Not Millrace's word.

    Attributes:
        workspace: the caller's workspace; null if it could not be determined.
        attempts: the attempts.
    """

    schema_version: Literal["millracer.history.v1"] = "millracer.history.v1"
    attempts: list[AttemptDocument] = Field(default_factory=list)


def describe_history(
    workspace: str, attempts: Iterable[Placed], warnings: Iterable[RunWarning]
) -> HistoryResult:
    """Convert attempts into their published shape."""
    return HistoryResult(
        workspace=workspace,
        attempts=[
            AttemptDocument.of(
                each.attempt,
                work_item_id=each.work_item_id,
                workspace=each.workspace,
                workspace_id=each.workspace_id,
            )
            for each in attempts
        ],
        warnings=[str(warning) for warning in warnings],
    )


def describe_failure(error: MillracerError, _command: str | None = None) -> HistoryResult:
    """Return the document of a history that could not be read."""
    return HistoryResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
