"""A page of items, and the answer to a submission, over HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from millracer.domain.work.items import ItemState
from millracer.schemas.base import Published
from millracer.schemas.items.listing import ListedDocument


class PagedItemDocument(ListedDocument):
    """One item with its event log.

    Attributes:
        head: the cursor of the last event in its log; null without a log.
        runner: the process that writes the log: `here` for this server, `elsewhere` for another
            one, null for none.
        stage: the stage that works on the item now; null if none does.
    """

    head: str | None
    runner: Literal["here", "elsewhere"] | None
    stage: str | None


class ItemsPage(Published):
    """Some of the items of a workspace, the last written first.

    Attributes:
        schema_version: the format of this document.
        workspace: the path of the workspace.
        items: the items.
        next: the value of `before` for the next page; null on the last one.
        total: the number of items in the requested states.
    """

    schema_version: Literal["millracer.items-page.v1"] = "millracer.items-page.v1"
    workspace: str
    items: list[PagedItemDocument]
    next: str | None
    total: int


class AcceptedResult(Published):
    """Millrace holds the item.

    Attributes:
        schema_version: the format of this document.
        work_item_id: the item.
        state: its state in Millrace; null if it was not read.
        is_new: whether this request added it.
        runs_here: whether this server runs it.
        events: the address of its events.
        warnings: problems that did not stop the request, each as `code: text`.
    """

    schema_version: Literal["millracer.accepted.v1"] = "millracer.accepted.v1"
    work_item_id: str
    state: ItemState | None
    is_new: bool
    runs_here: bool
    events: str
    warnings: list[str] = Field(default_factory=list)
