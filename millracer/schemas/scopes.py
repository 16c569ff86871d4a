"""Find the caller's own work item in a request, whatever the key that names it.

A key that probably names such an item is never dropped in silence: if it cannot be read, or if two
of them differ, the scope of the request is unclear, and its run is never completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from millracer.schemas.base import ScopeModel
from millracer.schemas.lenient import IgnoredValue

#: The keys that are read, the first usable one counts; those in camel case as other ports send.
SCOPES: Final = (
    *("scoped_work_item", "work_item", "scope", "scopedWorkItem", "workItem"),
    "metadata.scoped_work_item",
)

#: Keys without case and separators that probably name a work item.
_LOOKALIKES: Final = frozenset({"scopedworkitem", "scopedwork", "workitem", "workitemref", "scope"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundScope:
    """The scope of a request.

    Attributes:
        scope: None where none is usable.
        ignored: the other values that probably name a scope.
        is_unclear: whether the request names an unusable scope, or several.
    """

    scope: ScopeModel | None
    ignored: tuple[IgnoredValue, ...] = ()
    is_unclear: bool = False


def find_scope(
    request: BaseModel,
    ignored: Iterable[IgnoredValue],
    *,
    paths: Sequence[str] = SCOPES,
) -> FoundScope:
    """Return the scope of a request.

    Args:
        request: the request as it was read.
        ignored: the values of the request that were ignored so far.
        paths: the paths of the fields that are read.
    """
    scope: ScopeModel | None = next(
        (value for path in paths if (value := value_at(request, path)) is not None), None
    )
    more = (*_others(request, scope, paths), *_lookalikes(request))
    unusable = any(each.field in paths and each.value for each in ignored)
    return FoundScope(scope=scope, ignored=more, is_unclear=unusable or bool(more))


def value_at(request: BaseModel, path: str) -> Any:
    """Return the value at a path, None where it is absent."""
    value: Any = request
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return value


def _others(
    request: BaseModel, used: ScopeModel | None, paths: Sequence[str]
) -> Iterator[IgnoredValue]:
    """Yield the scopes that differ from the one that is used."""
    for path in paths:
        value = value_at(request, path)
        if value is not None and value.to_scope() != (used and used.to_scope()):
            problem = "the request names another scoped item before it"
            yield IgnoredValue(field=path, value=value, problem=problem)


def _lookalikes(request: BaseModel) -> Iterator[IgnoredValue]:
    """Yield the unknown fields that probably name a scope."""
    problem = "it probably names a scoped item, but is not a field of the request"
    for key, value in (request.model_extra or {}).items():
        if value and _looks_like_scope(key):
            yield IgnoredValue(field=key, value=value, problem=problem)
    metadata: BaseModel | None = value_at(request, "metadata")
    for key, value in ((metadata and metadata.model_extra) or {}).items():
        # The caller's free fields may hold a plain text under such a key.
        if value and isinstance(value, dict) and _looks_like_scope(key):
            yield IgnoredValue(field=f"metadata.{key}", value=value, problem=problem)


def _looks_like_scope(key: str) -> bool:
    return key.replace("_", "").replace("-", "").lower() in _LOOKALIKES
