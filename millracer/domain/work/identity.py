"""The identity of work: its id in Millrace, and the hash of its request.

The id is derived from the caller's names, so that the same request finds the same work item after
any crash; the hash shows whether the body is still the same. Both are pure functions of the
request. An id consists of a readable slug, which identifies nothing, and eighty bits of a hash,
which identifies the work. The slug uses only what the hash covers: with a key or a scoped item it
does not depend on the body, because the same name with another body must find the same item (and be
refused as a conflict).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping

from millracer.domain.requests import RequestBody, RunRequest, ScopedWork
from millracer.domain.work.items import WorkItem
from millracer.errors import InvalidRequest

_SLUG_LIMIT = 36
_HASH_DIGITS = 20
_SCHEME = "millracer-1"
_ITEM_ID = re.compile(rf"[a-z0-9-]+-[0-9a-f]{{{_HASH_DIGITS}}}")


def work_item_for(request: RunRequest, *, unique: str) -> WorkItem:
    """Return the work item of a request.

    Args:
        request: identified by its idempotency key, else by its scoped item, else by an explicit
            request id together with the body.
        unique: fresh for this invocation; the identity of a request that names nothing.

    Raises:
        InvalidRequest: a name was given and is blank.
    """
    _refuse_blank(request)
    request_hash = hash_request(request.body)
    slug, named, identity = _name(request, request_hash, unique)
    digest = _digest("work-item", *identity)[:_HASH_DIGITS]
    return WorkItem(item_id=f"{_slug(slug)}-{digest}", request_hash=request_hash, named=named)


def is_item_id(text: str) -> bool:
    """Return whether a text has the form of an id from `work_item_for`."""
    return _ITEM_ID.fullmatch(text) is not None


def is_named(item_id: str, request_hash: str, name: str) -> bool:
    """Return whether a work item's request has this name as request id or idempotency key.

    Args:
        item_id: from `work_item_for`.
        request_hash: the hash of the request's body.
        name: the caller's name for the request.
    """
    identities = (("request", name, request_hash), ("key", name))
    digests = {_digest("work-item", *identity)[:_HASH_DIGITS] for identity in identities}
    return item_id.rpartition("-")[2] in digests


def hash_request(body: RequestBody) -> str:
    """Return the SHA-256 (hex) of every part of the body, exactly as given.

    A body without references has the same hash as in releases that did not know references.
    """
    references = (list(body.context_refs),) if body.context_refs else ()
    return _digest("body", body.task, _scope_fields(body.scope), *references)


def _scope_fields(scope: ScopedWork | None) -> Mapping[str, object] | None:
    if scope is None:
        return None
    return {
        "item_id": scope.item_id,
        "title": scope.title,
        "source_queue": scope.source_queue,
        "spec_path": scope.spec_path,
        "completion_ref": scope.completion_ref,
        "constraints": list(scope.constraints),
    }


def _name(
    request: RunRequest, request_hash: str, unique: str
) -> tuple[str, bool, tuple[str | None, ...]]:
    """Return the source of the slug, whether the caller named the work, and its identity."""
    scope = request.scope
    if request.idempotency_key is not None:
        return request.idempotency_key, True, ("key", request.idempotency_key)
    if scope is not None:
        identity = ("scope", scope.item_id, scope.source_queue, scope.completion_ref)
        return scope.item_id, True, identity
    if request.request_id_named:
        return request.task, True, ("request", request.request_id, request_hash)
    if not unique:
        raise ValueError("a request that names nothing needs a fresh unique text")
    return request.task, False, ("invocation", unique)


def _refuse_blank(request: RunRequest) -> None:
    names = {
        "idempotency_key": request.idempotency_key,
        "scoped_work_item.item_id": None if request.scope is None else request.scope.item_id,
        "request_id": request.request_id if request.request_id_named else None,
    }
    for field, name in names.items():
        if name is not None and not name.strip():
            raise InvalidRequest(
                f"{field} is blank: it names the work, so it cannot be empty",
                field=field,
                suggested_action=f"give {field} a value or leave it out",
            )


def _digest(*parts: object) -> str:
    # One JSON array keeps the parts apart; unescaped with surrogatepass, because escapes would make
    # a character and its two surrogate halves the same.
    text = json.dumps([_SCHEME, *parts], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _slug(text: str) -> str:
    """Return lower-case ASCII words of the text's first line: no dot, never `idea` in front.

    Millrace puts `idea-` before the file name of an idea unless it is there already, so an id that
    began with it would collide with its own spec's.
    """
    title = unicodedata.normalize("NFKD", plain_title(text, fallback=""))
    ascii_text = title.encode("ascii", "ignore").decode("ascii").lower()
    words = [word for word in re.split(r"[^a-z0-9]+", ascii_text) if word]
    while words and words[0] == "idea":
        words.pop(0)
    return "-".join(words)[:_SLUG_LIMIT].strip("-") or "item"


TITLE_LIMIT = 60
#: Replacements for control, surrogate and format characters in a title.
_FOLDED_TO = {"Cc": " ", "Cs": " ", "Cf": ""}


def plain_title(text: str, *, fallback: str) -> str:
    """Return a short title for people: the first line with words, fences skipped.

    One line of at most `TITLE_LIMIT` characters, without control or format characters and without
    markdown's leading marks. Several texts may share a title; it identifies nothing.
    """
    for line in text.splitlines():
        title = _fold(line).lstrip("#>*-+=~| ")
        if any(character.isalnum() for character in title) and not title.startswith("```"):
            return _shorten(title)
    return fallback


def _fold(line: str) -> str:
    return " ".join(line.translate(_FOLDED).split())


class _Folded(dict[int, str]):
    """Cached `str.translate` replacements for titles: a line may have millions of characters."""

    def __missing__(self, code: int) -> str:
        folded = _FOLDED_TO.get(unicodedata.category(chr(code)), chr(code))
        self[code] = folded
        return folded


_FOLDED = _Folded()


def _shorten(title: str) -> str:
    if len(title) <= TITLE_LIMIT:
        return title
    cut = title[: TITLE_LIMIT - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > TITLE_LIMIT // 2 else cut) + "…"
