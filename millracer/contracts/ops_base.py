"""What the parts of an ops request have in common: how they are read, and their text fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from millracer.contracts.filled import FilledInSchema


class Incoming(BaseModel):
    """A part of a request: wrong fields are refused, unknown ones kept and told."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


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

#: Texts that may be left out; blank ones are. Only the first wrong one is told.
Texts = Annotated[
    Annotated[
        tuple[Annotated[str, StringConstraints(strip_whitespace=True)], ...],
        Field(fail_fast=True),
    ]
    | None,
    AfterValidator(_without_blanks),
]


def unknown_fields(part: BaseModel, path: str = "", *, free: Collection[str] = ()) -> Iterator[str]:
    """Yield the path of every field of a request, or of a part of it, that nobody reads.

    Args:
        part: what was read.
        path: where it stands in the request, with the last dot.
        free: parts that may hold anything.
    """
    for name in part.model_extra or {}:
        yield f"{path}{name}"
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel) and name not in free:
            yield from unknown_fields(value, f"{path}{name}.")
