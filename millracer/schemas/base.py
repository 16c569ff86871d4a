"""Base classes and field types of the documents that Millracer prints and reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.fields import FieldInfo

from millracer.domain.requests import ScopedWork
from millracer.errors import RunWarning
from millracer.redaction.process import redact
from millracer.schemas.descriptions import describe_fields
from millracer.schemas.lenient import NAMES_TARGET


class Published(BaseModel):
    """A part of a printed document; its schema requires every key that is always present.

    JSON has no infinite numbers; those that another program reports become null.

    A part is built from the domain object with the same fields. If an attribute has another name
    there, the field gives that name as `validation_alias`.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        json_schema_extra=describe_fields,
        json_schema_serialization_defaults_required=True,
        ser_json_inf_nan="null",
        validate_by_name=True,
    )

    @classmethod
    def of(cls, source: object, /, **computed: Any) -> Self:
        """Build the part from a domain object.

        Args:
            source: an object with an attribute for each field that is not computed.
            computed: fields that the object lacks or has in another form.
        """
        copied = {
            name: getattr(source, str(field.validation_alias or name))
            for name, field in cls.model_fields.items()
            if name not in computed and not _is_constant(field)
        }
        return cls(**copied, **computed)


#: Metadata of a field that is never redacted.
NEVER_REDACTED = object()
#: A name that Millracer defines and no type lists, such as an error code; never redacted.
Code = Annotated[str, NEVER_REDACTED]

#: An item's id, which the domain calls `item_id`.
ItemId = Annotated[str, Field(validation_alias="item_id")]

_Document = TypeVar("_Document", bound=Published)


def redacted(document: _Document) -> _Document:
    """Return the document without secrets; keys, Millracer's names and times do not change."""
    fields = type(document).model_fields
    return document.model_copy(
        update={
            name: redacted_value(value)
            for name, value in document
            if not _is_never_redacted(fields[name])
        }
    )


def _is_never_redacted(field: FieldInfo) -> bool:
    return NEVER_REDACTED in field.metadata or _is_constant(field)


def _is_constant(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal


def redacted_value(value: Any) -> Any:
    """Return a value of a document without secrets; see `redacted`."""
    match value:
        case Published():
            return redacted(value)
        case Enum():
            return value
        case str():
            return redact(value)
        case list() | tuple():
            return [redacted_value(each) for each in value]
        case dict():
            return {redact(key): redacted_value(each) for key, each in value.items()}
        case _:
            return value


def render(document: Published) -> str:
    """Return a document as JSON, ASCII only, without secrets."""
    return json.dumps(redacted(document).model_dump(mode="json"), indent=2)


def render_line(document: Published) -> str:
    """Return a document as one line of JSON, ASCII only, without secrets and line end."""
    return json.dumps(redacted(document).model_dump(mode="json"), separators=(",", ":"))


#: Unicode's white space as a character class, since readers of schemas differ about `\s`.
WHITE_SPACE: Final = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

#: The schema's form of a field's rule against blank texts, which a schema cannot express directly.
FilledInSchema: Final[Any] = Field(json_schema_extra={"pattern": f"[^{WHITE_SPACE}]"})


class Incoming(BaseModel):
    """A part of a request: unknown fields are kept, so that they can be reported."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, json_schema_extra=describe_fields
    )


def _blank_is_absent(text: str | None) -> str | None:
    return text or None


def _without_blanks(texts: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(text for text in texts or () if text)


#: A text that has to be given.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), FilledInSchema]

#: A text that may be left out; blank is left out.
OptionalText = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True)] | None,
    AfterValidator(_blank_is_absent),
]

#: An optional text that names the place or the item of the work.
TargetName = Annotated[OptionalText, NAMES_TARGET]

#: An optional list of texts; blank ones are dropped. Only the first wrong one is reported.
Texts = Annotated[
    Annotated[
        tuple[Annotated[str, StringConstraints(strip_whitespace=True)], ...],
        Field(fail_fast=True),
    ]
    | None,
    AfterValidator(_without_blanks),
]


def unknown_fields(part: BaseModel, path: str = "", *, free: Collection[str] = ()) -> Iterator[str]:
    """Yield the path of every unknown field of a request, or of a part of it.

    Args:
        part: the request or part.
        path: the part's path in the request, with the last dot.
        free: parts that may hold any field.
    """
    for name in part.model_extra or {}:
        yield f"{path}{name}"
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel) and name not in free:
            yield from unknown_fields(value, f"{path}{name}.")


def unknown_field_warning(path: str) -> RunWarning:
    """Return the warning about an unknown field of a request."""
    return RunWarning("unknown_field", f"the field {path} is unknown and was ignored")


def also_named(*names: str) -> Any:
    """Return the metadata of a field with several names, of which the first one present counts."""
    return Field(validation_alias=AliasChoices(*names))


def offer_names(first: str, *others: str) -> ConfigDict:
    """Return the configuration of a part with a required field of several names."""

    def offer(schema: dict[str, Any], model: type[Any]) -> None:
        describe_fields(schema, model)
        schema["required"].remove(first)
        usable = schema["properties"].pop(first)
        names = (first, *others)
        schema["anyOf"] = [
            {
                "required": [name],
                "properties": {name: usable, **dict.fromkeys(names[:index], False)},
            }
            for index, name in enumerate(names)
        ]

    return ConfigDict(json_schema_extra=offer)


_EMPTY = ("", None)
#: The names of a scoped item's id; the first one with a value counts.
_SCOPE_IDS: Final = ("item_id", "id", "itemId")
#: The second names of its other fields, in camel case as other ports send.
_CAMEL_CASE: Final = {
    "source_queue": "sourceQueue",
    "spec_path": "specPath",
    "completion_ref": "completionRef",
}


def _in_camel_case(name: str) -> Any:
    return also_named(name, _CAMEL_CASE[name])


def _offer_every_name(schema: dict[str, Any], model: type[Any]) -> None:
    """Let a schema say which name counts where several are given."""
    describe_fields(schema, model)
    schema["required"].remove("item_id")
    fields = schema["properties"]
    usable = fields.pop("item_id")
    fields |= {second: fields[first] for first, second in _CAMEL_CASE.items()}
    empty = {"enum": list(_EMPTY)}
    schema["anyOf"] = [
        {
            "required": [name],
            "properties": {name: usable, **dict.fromkeys(_SCOPE_IDS[:index], empty)},
        }
        for index, name in enumerate(_SCOPE_IDS)
    ]


class ScopeModel(BaseModel):
    """One selected entry; its texts are kept exactly as given.

    `id` is read as `item_id` if that is absent or empty, and so is `itemId`. Other fields may be in
    camel case, too.

    Attributes:
        item_id: the entry's id in the caller's queue; it names the work.
        title: the entry's title.
        source_queue: the queue that the entry comes from, such as a file.
        spec_path: the file that specifies the work.
        completion_ref: the caller's own reference for the completion.
        constraints: conditions that the work has to meet.
    """

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        validate_by_name=True,
        json_schema_extra=_offer_every_name,
    )

    item_id: Annotated[
        str,
        StringConstraints(min_length=1, pattern=r"\S"),
        FilledInSchema,
        also_named(*_SCOPE_IDS),
    ]

    @model_validator(mode="before")
    @classmethod
    def _without_empty_id(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        named = [name for name in _SCOPE_IDS if name in given]
        empty = [name for name in named if given[name] in _EMPTY]
        if len(empty) == len(named):
            empty = empty[:-1]  # one stays, to be refused by its name
        return {name: value for name, value in given.items() if name not in empty}

    title: str | None = None
    source_queue: Annotated[str | None, _in_camel_case("source_queue")] = None
    spec_path: Annotated[str | None, _in_camel_case("spec_path")] = None
    completion_ref: Annotated[str | None, _in_camel_case("completion_ref")] = None
    constraints: Annotated[list[str], Field(fail_fast=True)] | None = None

    def to_scope(self) -> ScopedWork:
        """Return it in the domain's words."""
        return ScopedWork(
            item_id=self.item_id,
            title=self.title,
            source_queue=self.source_queue,
            spec_path=self.spec_path,
            completion_ref=self.completion_ref,
            constraints=tuple(self.constraints or ()),
        )
