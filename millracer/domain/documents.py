"""Intake documents: Millrace's markdown, rendered so that any text survives and forges nothing."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.work import IntakeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeDocument:
    """A rendered document, ready to be written and added.

    Attributes:
        item_id: the work item's id; for an idea the inbox file's stem is made from it.
        file_name: the document's name below `.millracer/intake/`.
        text: the markdown Millrace reads.
        request_file_name: the verbatim copy's name beside it.
        request_text: the caller's task exactly as given.
    """

    kind: IntakeKind
    item_id: str
    file_name: str
    text: str
    request_file_name: str
    request_text: str
