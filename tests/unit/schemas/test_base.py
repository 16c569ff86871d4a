from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from millracer.schemas.base import Code, Published, redacted
from tests.support.secret_texts import KEYS

_KEY = KEYS["openai"]


class _Named(StrEnum):
    ONE = _KEY


class _Part(Published):
    said: str | None
    named: _Named = _Named.ONE


class _Document(Published):
    version: Literal["sk-is-a-name-of-OURS"] = "sk-is-a-name-of-OURS"
    code: Code = _KEY
    part: _Part
    parts: list[_Part]
    foreign: dict[str, Any]
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    count: float = 1.5


def test_texts_and_foreign_keys_are_written_without_secrets_and_all_else_as_it_is() -> None:
    document = _Document(
        part=_Part(said=f"a {_KEY}"),
        parts=[_Part(said=None), _Part(said=_KEY)],
        foreign={_KEY: [{"x": (_KEY,)}, 1, None, True], "plain": "text"},
    )

    covered = redacted(document)

    assert covered == _Document(
        part=_Part(said="a [redacted]"),
        parts=[_Part(said=None), _Part(said="[redacted]")],
        foreign={"[redacted]": [{"x": ["[redacted]"]}, 1, None, True], "plain": "text"},
    )
    assert covered.part.named is _Named.ONE
    assert document.part.said == f"a {_KEY}"


class _Renamed(Published):
    version: Literal["v1"] = "v1"
    item: Annotated[str, Field(validation_alias="item_id")]
    parts: list[_Part] = Field(default_factory=list)


class _Source:
    item_id = "x"
    unpublished = "secret"
    parts = (_Part(said="a"),)


def test_a_part_is_built_from_the_attributes_of_a_domain_object() -> None:
    assert _Renamed.of(_Source()).model_dump() == {
        "version": "v1",
        "item": "x",
        "parts": [{"said": "a", "named": _KEY}],
    }
    assert _Renamed.of(_Source(), item="y", parts=()) == _Renamed(item="y")


def test_a_field_that_the_domain_object_lacks_is_an_error_although_it_has_a_default() -> None:
    with pytest.raises(AttributeError):
        _Renamed.of(_Part(said="a"), item="y")
