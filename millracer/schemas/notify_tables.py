"""Reads the `[[notify]]` tables of the user's configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from millracer.domain.configuration import starts_the_same_anywhere
from millracer.domain.notifications import NOTIFY_KEY, NotifyTarget, url_problem
from millracer.domain.run.outcome import Outcome
from millracer.errors import ConfigInvalid

_HEADER = re.compile(rf"^[ \t]*+\[\[[ \t]*+([\"']?){NOTIFY_KEY}\1[ \t]*+\]\]", re.MULTILINE)
_FIRST_KEY = re.compile(rf"^[ \t]*+\[?[ \t]*+([\"']?){NOTIFY_KEY}\1[ \t]*+[=.\]]", re.MULTILINE)
_NEXT_TABLE = re.compile(r"^[ \t]*+\[", re.MULTILINE)
_LONGEST_SHOWN = 100


class _NotifyTable(BaseModel):
    """One table, as it is in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    on: Annotated[list[str], Field(min_length=1)] | None = None
    command: Annotated[list[str], Field(min_length=1)] | None = None
    url: str | None = None
    secret_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None

    @field_validator("on")
    @classmethod
    def _are_outcomes(cls, outcomes: list[str] | None) -> list[str] | None:
        unknown = [each for each in outcomes or () if each not in set(Outcome)]
        if unknown:
            known = ", ".join(Outcome)
            raise ValueError(f"{unknown[0]!r} is not an outcome; the outcomes are {known}")
        return outcomes

    @field_validator("command")
    @classmethod
    def _starts_the_same_anywhere(cls, command: list[str] | None) -> list[str] | None:
        if command is None:
            return None
        program = command[0]
        is_path = "/" in program
        if not program.strip() or program.startswith("-") or any("\0" in each for each in command):
            raise ValueError("its first text should be a program")
        if is_path and not starts_the_same_anywhere(program.partition(" ")[0]):
            raise ValueError("the program should be a name, or a path that is absolute or from ~")
        return command

    @field_validator("url")
    @classmethod
    def _is_a_receiver(cls, url: str | None) -> str | None:
        problem = None if url is None else url_problem(url)
        if problem is not None:
            raise ValueError(problem)
        return url

    @model_validator(mode="after")
    def _has_one_receiver(self) -> _NotifyTable:
        if (self.command is None) is (self.url is None):
            raise ValueError("it should have either command or url")
        if self.url is not None and self.secret_env is None:
            raise ValueError("a url needs secret_env: the variable with the secret that signs")
        return self

    def target(self) -> NotifyTarget:
        """Return the receiver."""
        return NotifyTarget(
            outcomes=frozenset(Outcome if self.on is None else map(Outcome, self.on)),
            command=tuple(self.command or ()),
            url=self.url,
            secret_variable=self.secret_env,
        )


def parse_notify_tables(value: object, text: str, path: str) -> tuple[NotifyTarget, ...]:
    """Return the receivers that the tables define, in their order.

    Args:
        value: the value of `notify` in the file.
        text: the whole file, to find lines for errors.
        path: how errors name the file.

    Raises:
        ConfigInvalid: a table has a wrong or missing key; the error names table and key.
    """
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ConfigInvalid(
            f"{path}{_line_of(text, 0)}: {NOTIFY_KEY} is not a list of tables",
            suggested_action=f"begin each receiver with a line [[{NOTIFY_KEY}]]",
        )
    return tuple(_target(table, number, text, path) for number, table in enumerate(value))


def _target(table: Mapping[str, Any], number: int, text: str, path: str) -> NotifyTarget:
    try:
        return _NotifyTable.model_validate(table).target()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = str(first["loc"][0]) if first["loc"] else None
    where = f"{path}{_line_of(text, number, key)}: [[{NOTIFY_KEY}]] number {number + 1}"
    if first["type"] == "extra_forbidden":
        raise ConfigInvalid(
            f"{where}: there is no key {key!r:.{_LONGEST_SHOWN}}",
            suggested_action=f"the keys are {', '.join(_NotifyTable.model_fields)}",
        )
    why = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if first["type"] == "string_pattern_mismatch":
        why = "it should be the name of an environment variable"
    raise ConfigInvalid(
        f"{where}: {why}" if key is None else f"{where}: {key}: {why}",
        suggested_action="correct the table" if key is None else f"correct {key}",
    )


def _line_of(text: str, number: int, key: str | None = None) -> str:
    """Return the line of a table, or of a key in it, as text for a message; empty if unknown."""
    headers = list(_HEADER.finditer(text))
    at = headers[number] if number < len(headers) else _FIRST_KEY.search(text)
    if at is None:
        return ""
    position = at.start()
    if headers and key is not None:
        after = _NEXT_TABLE.search(text, at.end())
        end = len(text) if after is None else after.start()
        named = re.compile(rf"^[ \t]*+([\"']?){re.escape(key)}\1[ \t]*+=", re.MULTILINE)
        found = named.search(text, at.end(), end)
        position = at.start() if found is None else found.start()
    return f", line {text.count(chr(10), 0, position) + 1}"
