"""What the documents have in common that we print."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from millracer.secrecy import redact


class Published(BaseModel):
    """A part of a document we print; its schema promises every key that is always there.

    JSON knows no infinite numbers; in what another program said of itself they become null.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_serialization_defaults_required=True,
        ser_json_inf_nan="null",
    )


_OURS = object()
#: A name of ours that no type lists, by which a program tells cases apart.
Code = Annotated[str, _OURS]

_Document = TypeVar("_Document", bound=Published)


def redacted(document: _Document) -> _Document:
    """Return the document without secrets; keys, names of ours and moments stay as they are."""
    fields = type(document).model_fields
    return document.model_copy(
        update={name: _redacted(value) for name, value in document if not _is_ours(fields[name])}
    )


def _is_ours(field: FieldInfo) -> bool:
    return _OURS in field.metadata or get_origin(field.annotation) is Literal


def _redacted(value: Any) -> Any:
    match value:
        case Published():
            return redacted(value)
        case Enum():
            return value
        case str():
            return redact(value)
        case list() | tuple():
            return [_redacted(each) for each in value]
        case dict():
            return {redact(key): _redacted(each) for key, each in value.items()}
        case _:
            return value
