"""The parts that the results of runs and of ops requests share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from millracer.domain.run.progress import EventKind
from millracer.schemas.base import Published

OptionalItemId = Annotated[str | None, Field(validation_alias="item_id")]


class EventDocument(Published):
    """The event a run ended with.

    Attributes:
        kind: the kind of event.
        workspace: the absolute path of the workspace.
        reason: the event as a sentence.
        at: when it was observed.
        work_item_id: the item that it is about.
        run_id: the Millrace run that it is about.
    """

    kind: EventKind
    workspace: str
    reason: str
    at: datetime
    work_item_id: OptionalItemId
    run_id: str | None


class EvidenceDocument(Published):
    """One fact of the proof.

    Attributes:
        kind: the kind of event that the fact states.
        workspace: the absolute path of the workspace.
        reason: the fact as a sentence.
        work_item_id: the item that it is about.
        run_id: the Millrace run that it comes from; null for a fact about the item.
        source: the command or file that it comes from.
        at: when it was read.
    """

    kind: EventKind
    workspace: str
    reason: str
    work_item_id: str
    run_id: str | None
    source: str
    at: datetime


class ScopedWorkDocument(Published):
    """The request's scope, as it was given.

    Attributes:
        item_id: the entry's id in the caller's queue; it names the work.
        title: the entry's title.
        source_queue: the queue that the entry comes from.
        spec_path: the file that specifies the work.
        completion_ref: the caller's own reference for the completion.
        constraints: conditions that the work has to meet.
    """

    item_id: str
    title: str | None
    source_queue: str | None
    spec_path: str | None
    completion_ref: str | None
    constraints: list[str]
