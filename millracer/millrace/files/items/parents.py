"""Find the descendants of work items by the header fields that Millrace writes.

A document is a descendant only if a header field names the parent's id exactly, and the parent has
the kind that the field refers to. All other text is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from millracer.millrace.intake.markdown import MarkdownFields

#: A work item: Millrace's name for its kind, and its id.
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
    """The parent of one document; `how` names the header field that shows it."""

    parent: ItemKey
    child: ItemKey
    how: str


def descend(roots: Iterable[ItemKey], documents: Mapping[ItemKey, MarkdownFields]) -> list[Descent]:
    """Return one descent for every descendant of the roots, without cycles.

    A document that names several members descends from the closest one.
    """
    known = set(roots)
    found: dict[ItemKey, Descent] = {}
    while True:
        fresh = {
            key: descent
            for key, fields in documents.items()
            if key not in known
            and (descent := next(_find_descents(key, fields, known), None)) is not None
        }
        if not fresh:
            break
        found |= fresh
        known |= fresh.keys()
    for key in found:
        for closer in _find_descents(key, documents[key], known):
            if key not in _trace_line(closer.parent, found):
                found[key] = closer
                break
    return list(found.values())


def _find_descents(key: ItemKey, fields: MarkdownFields, known: set[ItemKey]) -> Iterator[Descent]:
    for parent, label in _read_parents(key[0], fields):
        if parent in known:
            how = f"its {label} names {parent[0]} {parent[1]}"
            yield Descent(parent=parent, child=key, how=how)


def _read_parents(work_kind: str, fields: MarkdownFields) -> Iterator[tuple[ItemKey, str]]:
    """Yield the parents that a document's fields name, the closest first."""
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


def _trace_line(key: ItemKey, found: Mapping[ItemKey, Descent]) -> Iterator[ItemKey]:
    """Yield an item and its ancestors, up to its root."""
    while True:
        yield key
        if key not in found:
            return
        key = found[key].parent
