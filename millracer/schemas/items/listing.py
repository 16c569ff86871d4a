"""The JSON of `millracer list --json`: `millracer.list.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from millracer.domain.run.result import ErrorRecord
from millracer.domain.work.items import ItemState, ListedItem
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import ItemId, Published
from millracer.schemas.items.report import ItemsReport
from millracer.schemas.run.document import ErrorDocument


class Placed(Protocol):
    """An item and its workspace."""

    @property
    def item(self) -> ListedItem:
        """The item."""
        ...

    @property
    def workspace(self) -> str:
        """The path of its workspace."""
        ...

    @property
    def workspace_id(self) -> str | None:
        """The id of its workspace, if it is registered."""
        ...


class ListedDocument(Published):
    """One item.

    Attributes:
        work_item_id: the id Millrace uses now.
        work_kind: Millrace's name for its kind: task, probe, spec, incident, idea.
        state: its place in Millrace.
        title: the heading of its document.
        written_at: when its document was last written.
        path: its document.
        workspace: the path of its workspace.
        workspace_id: null for an unregistered workspace.
    """

    work_item_id: ItemId
    work_kind: str
    state: ItemState
    title: str
    written_at: datetime
    path: str
    workspace: str
    workspace_id: str | None


class ListResult(ItemsReport):
    """The items of a workspace in any state, the last written first.

    Attributes:
        workspace: the caller's workspace; null if it could not be determined.
        items: the items.
    """

    schema_version: Literal["millracer.list.v1"] = "millracer.list.v1"
    items: list[ListedDocument] = Field(default_factory=list)


def describe_list(
    workspace: str, items: Iterable[Placed], warnings: Iterable[RunWarning]
) -> ListResult:
    """Convert a list of items into its published shape."""
    return ListResult(
        workspace=workspace,
        items=[
            ListedDocument.of(each.item, workspace=each.workspace, workspace_id=each.workspace_id)
            for each in items
        ],
        warnings=[str(warning) for warning in warnings],
    )


def describe_failure(error: MillracerError, _command: str | None = None) -> ListResult:
    """Return the document of a list that could not be read."""
    return ListResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
