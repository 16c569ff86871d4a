"""Read a request as the reference does: an optional value that cannot be used is ignored.

A required field is refused, and so is the request's own target: a field that names the place or the
item of the work, or a check of it (`NAMES_TARGET`). A part that lacks a required field is ignored
as a whole if the part is optional.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, to_json

from millracer.errors import RunWarning

_Model = TypeVar("_Model", bound=BaseModel)

#: Metadata of a field without which the work could be done in another place or on another item, or
#: count as completed without a check.
NAMES_TARGET = object()

_Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredValue:
    """A value that was ignored.

    Attributes:
        field: its path in the request.
        value: the value itself.
        problem: why it cannot be used.
        names_target: whether the field has `NAMES_TARGET`.
    """

    field: str
    value: Any
    problem: str
    names_target: bool = False

    @property
    def warning(self) -> RunWarning:
        """The warning for the caller."""
        return RunWarning("value_ignored", f"the value of {self.field} was ignored: {self.problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[_Model]):
    """A part of a request as it was read.

    Attributes:
        model: None if a field is refused.
        refused: what pydantic reports of the refused fields.
        ignored: the values that were ignored, in the order in which they were found.
    """

    model: _Model | None
    refused: tuple[ErrorDetails, ...] = ()
    ignored: tuple[IgnoredValue, ...] = ()


def read_leniently(
    model: type[_Model], text: str | bytes, document: dict[str, Any], path: str = ""
) -> Reading[_Model]:
    """Read a JSON object; `document` is changed: the ignored values are removed.

    Args:
        model: the type to read.
        text: the JSON.
        document: the object that the JSON describes.
        path: the object's path in the request, with the last dot.
    """
    ignored: dict[str, IgnoredValue] = {}
    while True:
        try:
            read = model.model_validate_json(text)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False)
            refused = tuple(_remove(wrong, model, document, path, ignored))
            if refused:
                return Reading(model=None, refused=refused, ignored=tuple(ignored.values()))
            text = to_json(document)
        else:
            return Reading(model=read, ignored=tuple(ignored.values()))


def _remove(
    wrong: Sequence[ErrorDetails],
    model: type[BaseModel],
    document: dict[str, Any],
    path: str,
    ignored: dict[str, IgnoredValue],
) -> Iterator[ErrorDetails]:
    """Remove unusable values from a document; yield the errors of those that are refused."""
    for entry in wrong:
        place = _optional_part(entry["loc"], model)
        if not place:
            yield entry
            continue
        holder: Any = document
        for key in place[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or place[-1] not in holder:
            continue  # removed with another error
        name = path + ".".join(map(str, place))
        value = holder.pop(place[-1])
        field = _field(model, place)
        names_target = field is not None and NAMES_TARGET in field.metadata
        if len(entry["loc"]) > len(place) and isinstance(value, list) and not names_target:
            holder[place[-1]] = [each for each in value if isinstance(each, str)]
        ignored[name] = IgnoredValue(
            field=name,
            value=value,
            problem=entry["msg"].replace("Input should", "it should"),
            names_target=names_target,
        )


def _optional_part(place: _Path, model: type[BaseModel]) -> _Path:
    """Return the innermost optional part that contains a place; empty if there is none."""
    texts = tuple(each for each in place if isinstance(each, str))
    for length in range(len(texts), 0, -1):
        field = _field(model, texts[:length])
        if field is not None and not field.is_required():
            return texts[:length]
    return ()


def _field(model: type[BaseModel] | None, place: _Path) -> FieldInfo | None:
    found = None
    for key in place:
        if model is None:
            return None
        found = next(
            (each for name, each in model.model_fields.items() if key in _names(name, each)), None
        )
        model = None if found is None else _model_in(found.annotation)
    return found


def _names(name: str, field: FieldInfo) -> tuple[object, ...]:
    alias = field.validation_alias
    return (name, *(alias.choices if isinstance(alias, AliasChoices) else (alias,)))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
