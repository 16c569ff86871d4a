"""Render intake documents in Millrace's markdown, and verify that each one carries the request.

Caller text has four forms in a document: quoted lines, quoted values, references (all from
`intake.fields`), and a title folded to one short line. All other text is fixed, so no caller text
can be lost or pass for a field.

Millrace's agents receive a document's path, not its text, so each document also names the verbatim
copy of the request, whose path does not change.

An idea is quoted like the other kinds, although Millrace keeps an idea's text and alters only CR.
With every caller line behind a mark, none can look like the request hash or another section, and
one rule serves all kinds. An idea has no time in it, because Millrace derives the spec's id from
its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from millracer.domain.requests import IntakeKind, RequestBody, ScopedWork
from millracer.domain.work.identity import plain_title
from millracer.domain.work.items import WorkItem
from millracer.errors import MillracerError
from millracer.millrace.intake.fields import (
    QUOTING_RULE,
    SCOPE_CONTRACT,
    decode_reference,
    decode_reference_lines,
    decode_request,
    decode_scope,
    hash_line,
    hash_reference,
    reference_item,
    reference_lines,
    request_forms,
    request_hash_in,
    request_hash_in_references,
    scope_forms,
)
from millracer.millrace.intake.markdown import parse_document, parse_idea

__all__ = [
    "DOCUMENT_UNSAFE",
    "IntakeDocument",
    "decode_request",
    "decode_scope",
    "document_file_name",
    "render_document",
    "request_hash_in",
    "request_hash_in_references",
    "verify_document",
]

DOCUMENT_UNSAFE = "document_unsafe"

_CREATED_BY = "millracer"
_UNTITLED = "Requested work"
_TARGET_PATHS = (".",)
_CHECKS = (
    (
        "The checks the request names; where it names none, the project's own tests for what was"
        " changed."
    ),
)
#: The number of fixed items at the start of References: the verbatim copy and the hash.
_FIXED_REFERENCES = 2
_RISK = ("None stated beyond the request.",)
_IDEA_SUMMARY = (
    "Carry out the section Request below in full, word for word; this text is the source artifact"
    " named under References."
)
_PROBE_REFERENCES = (
    "Their References also repeat those that stand here after the request's hash, each as it is."
)
_IDEA_REFERENCES = (
    "The caller points to these. Every spec and task made from this idea repeats them in its"
    " References, each as it stands after the dash."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """A task's or probe's fields by label, in the order of the document."""

    scalars: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]


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


def render_document(
    item: WorkItem,
    kind: IntakeKind,
    body: RequestBody,
    *,
    created_at: datetime,
) -> IntakeDocument:
    """Render the intake document of a work item; call `verify_document` before adding it.

    Args:
        item: the work item.
        kind: the intake kind.
        body: the request, carried in full; a scope comes with the scope contract.
        created_at: a time with an offset; an idea does not use it.

    Raises:
        ValueError: `created_at` is naive.
    """
    if created_at.tzinfo is None:
        raise ValueError("a document's time must be timezone-aware")
    title = _choose_title(body)
    if kind is IntakeKind.IDEA:
        text = _render_idea(title, item, body)
    else:
        created = created_at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
        text = _render_fields(title, _build_fields(item, kind, body, created))
    return IntakeDocument(
        kind=kind,
        item_id=item.item_id,
        file_name=document_file_name(item.item_id, kind),
        text=text,
        request_file_name=request_file_name(item.item_id),
        request_text=body.task,
    )


def document_file_name(item_id: str, kind: IntakeKind) -> str:
    """Return the document's file name; an idea has the same name in Millrace's inbox."""
    return f"idea-{item_id}.md" if kind is IntakeKind.IDEA else f"{item_id}.{kind}.md"


def verify_document(document: IntakeDocument, item: WorkItem, body: RequestBody) -> None:
    """Verify that Millrace will read exactly the intended fields from this document.

    The text is parsed by Millrace's rules (`intake.markdown`), and every field is compared.

    Raises:
        MillracerError: a field would differ (code `document_unsafe`); do not add the document.
    """
    try:
        _compare("item id", document.item_id, item.item_id)
        _compare("file name", document.file_name, document_file_name(item.item_id, document.kind))
        _compare("request file", document.request_file_name, request_file_name(item.item_id))
        _compare("verbatim request", document.request_text, body.task)
        document.text.encode("utf-8")  # a lone surrogate raises: Millrace could not read the file
        _compare("lines", "\n".join(document.text.splitlines()) + "\n", document.text)
        if document.kind is IntakeKind.IDEA:
            _verify_idea(document, item, body)
        else:
            _verify_fields(document, item, body)
        _compare("request hash", request_hash_in(document.text), item.request_hash)
    except ValueError as exc:
        raise MillracerError(
            f"the intake document of {item.item_id} does not match the request: {exc}",
            code=DOCUMENT_UNSAFE,
            suggested_action="report this as a bug; nothing was added to Millrace's queue",
        ) from exc


def _build_fields(item: WorkItem, kind: IntakeKind, body: RequestBody, created: str) -> _Fields:
    title = _choose_title(body)
    note = f"{title} (the whole request is quoted line by line under Acceptance)"
    path = _request_path(item)
    opening = (
        "Carry out the request quoted below in full. One item is one line of it."
        f" {QUOTING_RULE} The same text stands unquoted in {path}."
    )
    references = (
        path,
        hash_reference(item.request_hash),
        *(reference_item(reference) for reference in _list_references(body)),
    )
    tail = {"Created-At": created, "Created-By": _CREATED_BY}
    match kind:
        case IntakeKind.TASK:
            return _Fields(
                scalars={"Task-ID": item.item_id, "Title": title, "Summary": note, **tail},
                lists={
                    "Target-Paths": _TARGET_PATHS,
                    "Acceptance": (opening, *scope_forms(body.scope), *request_forms(body.task)),
                    "Required-Checks": _CHECKS,
                    "References": references,
                    "Risk": _RISK,
                },
            )
        case IntakeKind.PROBE:
            heritage = (
                (
                    f"Every task or spec made from this probe names {path} in its References and"
                    " repeats these Constraints."
                ),
                *((_PROBE_REFERENCES,) if body.context_refs else ()),
            )
            ids = {"Probe-ID": item.item_id, "Title": title, "Summary": note, "Request": note}
            return _Fields(
                scalars={**ids, **tail},
                lists={
                    "Target-Paths": _TARGET_PATHS,
                    "Constraints": (*heritage, *scope_forms(body.scope)),
                    "Acceptance": (opening, *request_forms(body.task)),
                    "References": references,
                },
            )
        case IntakeKind.IDEA:
            raise ValueError("an idea has no fields")
        case _:
            assert_never(kind)


def _render_fields(title: str, fields: _Fields) -> str:
    lines = [f"# {title}", "", *(f"{label}: {value}" for label, value in fields.scalars.items())]
    for label, items in fields.lists.items():
        lines += ["", f"{label}:", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"


def _render_idea(title: str, item: WorkItem, body: RequestBody) -> str:
    heritage = (
        "Every spec and task made from this idea names this source artifact and"
        f" {_request_path(item)} in its References and repeats the Scope, if one is given here."
    )
    blocks = [(f"# {title}",), (_IDEA_SUMMARY,), _anchor_lines(item), (heritage,)]
    if body.scope is not None:
        blocks += [("## Scope",), scope_forms(body.scope)]
    if body.context_refs:
        blocks += [("## References",), (_IDEA_REFERENCES,), reference_lines(body.context_refs)]
    blocks += [
        ("## Request",),
        (f"One line below is one line of the request. {QUOTING_RULE}",),
        request_forms(body.task),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _anchor_lines(item: WorkItem) -> tuple[str, ...]:
    return (f"Request-Key: {item.item_id}", hash_line(item.request_hash))


def _list_references(body: RequestBody) -> tuple[str, ...]:
    """Return the caller's references of a task or probe: the spec path, then the context."""
    spec = None if body.scope is None else body.scope.spec_path
    return (*(() if spec is None else (spec,)), *body.context_refs)


def _choose_title(body: RequestBody) -> str:
    scope = body.scope
    named = plain_title(scope.title or "", fallback="") if scope is not None else ""
    return named or plain_title(body.task, fallback=_UNTITLED)


def request_file_name(item_id: str) -> str:
    """Return the name of the verbatim request beside an item's document."""
    return f"{item_id}.request.txt"


def _request_path(item: WorkItem) -> str:
    return f".millracer/intake/{request_file_name(item.item_id)}"


def _verify_fields(document: IntakeDocument, item: WorkItem, body: RequestBody) -> None:
    read = parse_document(document.text, document.kind)
    wanted = _build_fields(item, document.kind, body, read.scalar("Created-At") or "")
    _compare("fields", sorted(read.fields), sorted((*wanted.scalars, *wanted.lists)))
    for label, value in {**wanted.scalars, **wanted.lists}.items():
        _compare(label, read.fields[label], value)
    _compare("request", decode_request(read.items("Acceptance")), body.task)
    _compare_scope((*read.items("Acceptance"), *read.items("Constraints")), body.scope)
    references = tuple(
        decode_reference(item) for item in read.items("References")[_FIXED_REFERENCES:]
    )
    _compare("references", references, _list_references(body))


def _verify_idea(document: IntakeDocument, item: WorkItem, body: RequestBody) -> None:
    lines = document.text.split("\n")
    title, summary = parse_idea(document.text, stem=document.file_name.removesuffix(".md"))
    _compare("title", title, _choose_title(body))
    _compare("summary", summary, _IDEA_SUMMARY)
    _compare("text", document.text, _render_idea(title, item, body))
    _compare("request", decode_request(lines), body.task)
    _compare_scope(lines, body.scope)
    _compare("references", decode_reference_lines(lines), body.context_refs)


def _compare_scope(forms: Sequence[str], scope: ScopedWork | None) -> None:
    _compare("scope", decode_scope(forms), scope)
    contract = tuple(form for form in forms if form in SCOPE_CONTRACT)
    _compare("scope contract", contract, () if scope is None else SCOPE_CONTRACT)


def _compare(name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{name} reads {found!r:.200}, expected {wanted!r:.200}")
