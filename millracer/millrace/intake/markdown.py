r"""Parse intake markdown by Millrace's rules (0.18.6 to 0.21.x), implemented independently.

Used to verify a document before it is added, and to read stored documents. Tests compare it with
Millrace's own parser. The rules for tasks, probes and ideas:

* Lines end where `str.splitlines` ends them and are stripped. The first is `# Title`.
* `Label:` starts a field if the label is known; a field may appear once. A scalar is the rest of
  its line. A list is one inline value, or the `- item` lines that follow up to a blank line or the
  next `Label:`. Any other line among them makes the document unreadable.
* An unknown label swallows everything to the next `Label:`. All other lines are ignored.
* A label that the kind does not have, or a missing required label, makes the document unreadable.
* An idea may be any text: its title is the first line that begins with `#`, its summary the first
  line that is not the title.

This parser is stricter than Millrace in one point: it accepts dates in ISO 8601 only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from millracer.domain.requests import IntakeKind

FieldValue: TypeAlias = str | tuple[str, ...]

_HEADING = re.compile(r"#\s+(.+)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)")
_ITEM = re.compile(r"-\s+(.+)")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_STATUS_HINTS = frozenset({"queued", "active", "blocked", "done"})
_ROOT_KINDS = frozenset({"idea", "probe", "manual", "incident", "derived_spec"})
_RELATIONS = frozenset({"Depends-On", "Blocks"})
_NO_RELATION = frozenset({"none", "n/a", "-"})


class UnreadableDocument(ValueError):
    """Millrace would refuse this document; the message names the broken rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownFields:
    """A document's heading and its fields by label, in no order."""

    heading: str
    fields: Mapping[str, FieldValue]

    def scalar(self, label: str) -> str | None:
        """Return a one-line field, None if it is absent."""
        value = self.fields.get(label)
        return value if isinstance(value, str) else None

    def items(self, label: str) -> tuple[str, ...]:
        """Return a list field, empty if it is absent."""
        value = self.fields.get(label)
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    scalars: frozenset[str]
    lists: frozenset[str]
    required: frozenset[str]
    identifiers: frozenset[str]


def _split_labels(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TASK = _Schema(
    scalars=_split_labels(
        "Task-ID Title Summary Root-Idea-ID Root-Spec-ID Root-Intake-Kind Root-Intake-ID Spec-ID"
        " Parent-Task-ID Incident-ID Status-Hint Created-At Created-By Updated-At"
    ),
    lists=_split_labels(
        "Depends-On Blocks Tags Target-Paths Acceptance Required-Checks References Risk"
    ),
    required=_split_labels(
        "Task-ID Target-Paths Acceptance Required-Checks References Risk Created-At Created-By"
    ),
    identifiers=_split_labels(
        "Task-ID Root-Idea-ID Root-Spec-ID Root-Intake-ID Spec-ID Parent-Task-ID Incident-ID"
    ),
)
_PROBE = _Schema(
    scalars=_split_labels(
        "Probe-ID Title Summary Request Status-Hint Created-At Created-By Updated-At"
    ),
    lists=_split_labels("Target-Paths Constraints Acceptance Risk-Notes References Tags"),
    required=_split_labels("Probe-ID Summary Request Created-At Created-By"),
    identifiers=_split_labels("Probe-ID"),
)
_SCHEMAS = {IntakeKind.TASK: _TASK, IntakeKind.PROBE: _PROBE}

#: Labels of specs, incidents and learning requests: known, but refused in tasks and probes.
_OTHER_SCALARS = _split_labels(
    "Source-Type Source-ID Parent-Spec-ID Source-Task-ID Source-Spec-ID Source-Stage Source-Plane"
    " Failure-Class Severity Needs-Planning Trigger-Reason Consultant-Decision Opened-At Opened-By"
    " Trigger-Metadata Learning-Request-ID Requested-Action Target-Skill-ID Target-Stage"
)
_OTHER_LISTS = _split_labels(
    "Goals Non-Goals Scope Assumptions Risks Entrypoints Required-Skills Decomposition-Hints"
    " Observed-Symptoms Failed-Attempts Evidence-Paths Related-Run-IDs Related-Stage-Results"
    " Source-Refs Preferred-Output-Paths Originating-Run-IDs Artifact-Paths"
)
SCALAR_LABELS = _TASK.scalars | _PROBE.scalars | _OTHER_SCALARS
LIST_LABELS = _TASK.lists | _PROBE.lists | _OTHER_LISTS


def parse_document(text: str, kind: IntakeKind) -> MarkdownFields:
    """Parse a task or probe as Millrace does and apply the rules for that kind.

    Raises:
        UnreadableDocument: Millrace would refuse it.
        ValueError: `kind` is an idea, which has no fields; see `parse_idea`.
    """
    schema = _SCHEMAS.get(kind)
    if schema is None:
        raise ValueError("an idea has no fields")
    document = parse_fields(text)
    unexpected = document.fields.keys() - schema.scalars - schema.lists
    if unexpected:
        raise UnreadableDocument(f"a {kind} has no field {', '.join(sorted(unexpected))}")
    missing = [label for label in sorted(schema.required) if not document.fields.get(label)]
    if missing:
        raise UnreadableDocument(f"a {kind} needs {', '.join(missing)}")
    _check_scalars(document, schema)
    return document


def parse_fields(text: str) -> MarkdownFields:
    """Parse the heading and fields of a document of any kind, as Millrace does.

    Raises:
        UnreadableDocument: Millrace would refuse it.
    """
    lines = [line.strip() for line in text.splitlines()]
    heading = _HEADING.fullmatch(lines[0]) if lines else None
    if heading is None:
        raise UnreadableDocument("the first line is not `# Title`")
    fields: dict[str, FieldValue] = {}
    index = 1
    while index < len(lines):
        field = _FIELD.fullmatch(lines[index])
        index += 1
        if field is None:
            continue
        label, inline = field[1], field[2].lstrip()
        if label not in SCALAR_LABELS | LIST_LABELS:
            continue  # the lines it swallows hold no label, so they would be ignored anyway
        if label in fields:
            raise UnreadableDocument(f"field {label} appears twice")
        if label in LIST_LABELS:
            items, index = ([inline], index) if inline else _read_items(lines, index, label)
            fields[label] = _without_placeholders(label, items)
        elif inline:
            fields[label] = inline
        else:
            _refuse_items(lines, index, label)
    return MarkdownFields(heading=heading[1], fields=fields)


def parse_idea(text: str, *, stem: str) -> tuple[str, str]:
    """Return the title and the summary Millrace derives from an idea's text.

    Args:
        text: the idea's text.
        stem: the idea's file name without the suffix; the title of an empty text.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    headings = (line.lstrip("#").strip() for line in lines if line.startswith("#"))
    title = next((heading for heading in headings if heading), stem)
    if title == stem and lines:
        title = lines[0]
    bare = (line.lstrip("#").strip() for line in lines)
    summary = next((line for line in bare if line and line != title), None)
    return title, summary or f"Idea captured from {stem}"


def _read_items(lines: list[str], index: int, label: str) -> tuple[list[str], int]:
    items: list[str] = []
    while index < len(lines):
        line = lines[index]
        if _FIELD.fullmatch(line):
            break
        index += 1
        if not line:
            if items:
                break
            continue
        item = _ITEM.fullmatch(line)
        if item is None:
            raise UnreadableDocument(f"{label} holds a line that is not a list item")
        items.append(item[1])
    return items, index


def _refuse_items(lines: list[str], index: int, label: str) -> None:
    following = next((lines[at] for at in range(index, len(lines)) if lines[at]), "")
    if _ITEM.fullmatch(following):
        raise UnreadableDocument(f"{label} holds one line, not a list")


def _without_placeholders(label: str, items: list[str]) -> tuple[str, ...]:
    if label not in _RELATIONS:
        return tuple(items)
    return tuple(item for item in items if item.casefold() not in _NO_RELATION)


def _check_scalars(document: MarkdownFields, schema: _Schema) -> None:
    title = document.scalar("Title")
    if title is not None and title != document.heading:
        raise UnreadableDocument("Title differs from the heading")
    for label in sorted(schema.identifiers):
        value = document.scalar(label)
        if value is not None and not _IDENTIFIER.fullmatch(value):
            raise UnreadableDocument(f"{label} is not a safe identifier")
    for label, allowed in (("Status-Hint", _STATUS_HINTS), ("Root-Intake-Kind", _ROOT_KINDS)):
        value = document.scalar(label)
        if value is not None and value not in allowed:
            raise UnreadableDocument(f"{label} is not one of {', '.join(sorted(allowed))}")
    for label in ("Created-At", "Updated-At"):
        value = document.scalar(label)
        if value is not None and not _is_date(value):
            raise UnreadableDocument(f"{label} is not an ISO 8601 date")


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
