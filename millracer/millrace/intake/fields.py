"""Encode and decode the facts that an intake document carries.

The facts are the request, the scope, the caller's references and the request hash. A form is one
list item of a task or probe, or one line of an idea. Caller text follows a mark (see `quoting`),
except a plain reference that cannot be confused with another form. So any text is decoded exactly
as it was encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from millracer.domain.requests import ScopedWork
from millracer.millrace.intake.markdown import UnreadableDocument, parse_fields
from millracer.millrace.intake.quoting import (
    is_quoted,
    quote_text,
    quote_value,
    unquote_text,
    unquote_value,
)

QUOTING_RULE = (
    "After `| ` comes a line as it stands, a bare `|` is an empty line, and after `json ` comes a"
    " line as a JSON string (or as an array of strings to be joined)."
)
SCOPE_CONTRACT = (
    "Scope contract: this is one selected item of an outside queue; work on this item only.",
    "Scope contract: do not batch; change nothing for any other item of that queue along with it.",
    "Scope contract: create no completion signal (tag, marker, branch, status) for any other item.",
)

_REQUEST_ENDS = "End of the request."
_SCOPE_FIELD = "Selected item, "
_CONSTRAINT = "constraint"
_HASH_REFERENCE = "request-sha256:"
_HASH_LINE = "Request-SHA256: "
_HASH_REFERENCE_FORM = re.compile(rf"{_HASH_REFERENCE}([0-9a-f]{{64}})")
_HASH_LINE_FORM = re.compile(rf"{_HASH_LINE}([0-9a-f]{{64}})")
_QUOTED_REFERENCE = "json "
_REFERENCE_LINE = "- "
#: A reference that needs no quoting: no white space, no mark, no colon except a scheme's.
_PLAIN_REFERENCE = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[A-Za-z0-9._/~][A-Za-z0-9._/~@#+=,%?&-]*")
#: Millrace skips an idea whose file any spec's References name, and specs made from Millracer's
#: documents repeat its references. Agents can read a quoted path; Millrace ignores it.
_MILLRACE_PATH = re.compile(r"(?:^|/)(?:millrace-agents/|ideas/|idea-)")


def request_forms(task: str) -> tuple[str, ...]:
    """Return the forms that carry every line of the task."""
    return (*quote_text(task), _REQUEST_ENDS)


def decode_request(forms: Sequence[str]) -> str:
    """Return the exact task from the items or lines that contain its quotation.

    Raises:
        ValueError: they do not contain one whole quoted request.
    """
    quoted = [index for index, form in enumerate(forms) if is_quoted(form)]
    if not quoted or quoted[-1] - quoted[0] + 1 != len(quoted):
        raise ValueError("the request is not quoted in one piece")
    after = quoted[-1] + 1
    if after == len(forms) or forms[after] != _REQUEST_ENDS:
        raise ValueError("the quoted request has no end")
    return unquote_text(forms[index] for index in quoted)


def scope_forms(scope: ScopedWork | None) -> tuple[str, ...]:
    """Return the forms that carry the scope contract and every field of the scope."""
    if scope is None:
        return ()
    fields = (
        ("item_id", scope.item_id),
        ("title", scope.title),
        ("source_queue", scope.source_queue),
        ("spec_path", scope.spec_path),
        ("completion_ref", scope.completion_ref),
        *((_CONSTRAINT, constraint) for constraint in scope.constraints),
    )
    given = ((name, value) for name, value in fields if value is not None)
    return (
        *SCOPE_CONTRACT,
        *(f"{_SCOPE_FIELD}{name}: {quote_value(value)}" for name, value in given),
    )


def decode_scope(forms: Iterable[str]) -> ScopedWork | None:
    """Return the exact scope from the items or lines that contain it, None if there is none.

    Raises:
        ValueError: they contain part of a scope, or more than one.
    """
    fields: dict[str, str] = {}
    constraints: list[str] = []
    for form in forms:
        if not form.startswith(_SCOPE_FIELD):
            continue
        name, _, value = form.removeprefix(_SCOPE_FIELD).partition(": ")
        if name == _CONSTRAINT:
            constraints.append(unquote_value(value))
        elif name in fields:
            raise ValueError(f"the scope names {name} twice")
        else:
            fields[name] = unquote_value(value)
    if not fields and not constraints:
        return None
    if "item_id" not in fields:
        raise ValueError("the scope has no item_id")
    return ScopedWork(
        item_id=fields["item_id"],
        title=fields.get("title"),
        source_queue=fields.get("source_queue"),
        spec_path=fields.get("spec_path"),
        completion_ref=fields.get("completion_ref"),
        constraints=tuple(constraints),
    )


def reference_item(reference: str) -> str:
    """Return the References item of a task or probe that carries a caller's reference."""
    if _PLAIN_REFERENCE.fullmatch(reference) and not _MILLRACE_PATH.search(reference):
        return reference
    return _QUOTED_REFERENCE + quote_value(reference)


def decode_reference(item: str) -> str:
    """Return the caller's exact reference from its References item.

    Raises:
        ValueError: `reference_item` returns this item for no text.
    """
    quoted = item.startswith(_QUOTED_REFERENCE)
    reference = unquote_value(item.removeprefix(_QUOTED_REFERENCE)) if quoted else item
    if reference_item(reference) != item:
        raise ValueError(f"not in the form a reference is written in: {item[:80]!r}")
    return reference


def reference_lines(references: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of an idea that carry the caller's references."""
    return tuple(_REFERENCE_LINE + reference_item(reference) for reference in references)


def decode_reference_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the caller's exact references from the lines of an idea.

    Raises:
        ValueError: a line looks like a reference, but `reference_lines` does not write it so.
    """
    return tuple(
        decode_reference(line.removeprefix(_REFERENCE_LINE))
        for line in lines
        if line.startswith(_REFERENCE_LINE)
    )


def hash_reference(request_hash: str) -> str:
    """Return the References item that carries the request hash in a task or probe."""
    return f"{_HASH_REFERENCE}{request_hash}"


def hash_line(request_hash: str) -> str:
    """Return the line that carries the request hash in an idea."""
    return f"{_HASH_LINE}{request_hash}"


def request_hash_in(text: str) -> str | None:
    """Find the request hash in a stored task or probe, a source artifact or an inbox file.

    Return None if Millracer did not write the text, or it carries two hashes. Caller text cannot be
    taken for the hash: it follows marks with which neither form of the hash begins.
    """
    lines = (_HASH_LINE_FORM.fullmatch(line) for line in text.split("\n"))
    try:
        references = parse_fields(text).items("References")
    except UnreadableDocument:
        references = ()
    items = (_HASH_REFERENCE_FORM.fullmatch(item) for item in references)
    return _get_single({found[1] for found in (*lines, *items) if found})


def request_hash_in_references(references: Iterable[str]) -> str | None:
    """Find the request hash in a document's References, as a mailbox payload lists them."""
    items = (_HASH_REFERENCE_FORM.fullmatch(item) for item in references)
    return _get_single({found[1] for found in items if found})


def _get_single(hashes: set[str]) -> str | None:
    return hashes.pop() if len(hashes) == 1 else None
