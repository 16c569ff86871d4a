"""Which work documents come out of which, by the header fields Millrace gives them.

Only a header field that names an id exactly makes a document a descendant, and only of an item of
the kind the field speaks of; what a text says anywhere else means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from millracer.millrace.intake.markdown import MarkdownFields

#: A work item: Millrace's name of its kind, and its id.
ItemKey: TypeAlias = tuple[str, str]

_TASK, _PROBE, _SPEC, _INCIDENT = "task", "probe", "spec", "incident"

#: The fields of each kind that name a parent, the closest parent first.
_PARENT_FIELDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    _TASK: (
        ("Incident-ID", _INCIDENT),
        ("Parent-Task-ID", _TASK),
        ("Spec-ID", _SPEC),
        ("Root-Spec-ID", _SPEC),
    ),
    _INCIDENT: (
        ("Source-Task-ID", _TASK),
        ("Source-Spec-ID", _SPEC),
        ("Root-Spec-ID", _SPEC),
    ),
    _SPEC: (("Parent-Spec-ID", _SPEC),),
}
_SOURCE_KINDS = {"incident": _INCIDENT, "probe": _PROBE, "derived_spec": _SPEC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """One document came out of another; `how` says which field says so."""

    parent: ItemKey
    child: ItemKey
    how: str


def descend(roots: Iterable[ItemKey], documents: Mapping[ItemKey, MarkdownFields]) -> list[Descent]:
    """Return how every descendant of the roots hangs together, each document once, without circles.

    A document that names several members hangs below the closest one.
    """
    known = set(roots)
    found: dict[ItemKey, Descent] = {}
    while True:
        fresh = {
            key: descent
            for key, fields in documents.items()
            if key not in known
            and (descent := next(_descents(key, fields, known), None)) is not None
        }
        if not fresh:
            break
        found |= fresh
        known |= fresh.keys()
    for key in found:
        for closer in _descents(key, documents[key], known):
            if key not in _line(closer.parent, found):
                found[key] = closer
                break
    return list(found.values())


def _descents(key: ItemKey, fields: MarkdownFields, known: set[ItemKey]) -> Iterator[Descent]:
    for parent, label in _parents(key[0], fields):
        if parent in known:
            how = f"its {label} names {parent[0]} {parent[1]}"
            yield Descent(parent=parent, child=key, how=how)


def _parents(work_kind: str, fields: MarkdownFields) -> Iterator[tuple[ItemKey, str]]:
    """Yield what a document's fields name as its origin, the closest first."""
    for label, parent_kind in _PARENT_FIELDS.get(work_kind, ()):
        named = fields.scalar(label)
        if named is not None:
            yield (parent_kind, named), label
    if work_kind == _SPEC:
        source_kind = _SOURCE_KINDS.get(fields.scalar("Source-Type") or "")
        source = fields.scalar("Source-ID")
        if source_kind is not None and source is not None:
            yield (source_kind, source), "Source-ID"
        root = fields.scalar("Root-Spec-ID")
        if root is not None:
            yield (_SPEC, root), "Root-Spec-ID"
    intake = fields.scalar("Root-Intake-ID")
    if intake is not None and fields.scalar("Root-Intake-Kind") == _PROBE:
        yield (_PROBE, intake), "Root-Intake-ID"


def _line(key: ItemKey, found: Mapping[ItemKey, Descent]) -> Iterator[ItemKey]:
    """Yield an item and what it came out of, up to its root."""
    while True:
        yield key
        if key not in found:
            return
        key = found[key].parent
