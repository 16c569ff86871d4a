"""Check the options that a Python program gives; their names and types are those of the table."""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from millracer.domain.checks import is_command
from millracer.domain.run.options import RUN_OPTIONS, Form, RunOptions
from millracer.errors import InvalidRequest

#: The names of the run options.
RUN_OPTION_NAMES: Final = tuple(option.name for option in RUN_OPTIONS)


def checked_options(options: RunOptions) -> RunOptions:
    """Return validated options; callers without a type checker may pass strings for some.

    Raises:
        InvalidRequest: an option cannot be used; `field` names it.
    """
    return _checked({name: getattr(options, name) for name in RUN_OPTION_NAMES})


def checked_keywords(given: Mapping[str, object], known: Collection[str]) -> dict[str, Any]:
    """Return the validated option keywords of a call; those that are None are left out.

    Args:
        given: the keywords.
        known: the names of the options that the call takes.

    Raises:
        InvalidRequest: an option is unknown or cannot be used; `field` names it.
    """
    for name in given:
        if name not in known:
            raise InvalidRequest(
                f"{name} is not an option of this call",
                field=name,
                suggested_action=f"use one of {', '.join(known)}",
            )
    values = {name: _plain(value) for name, value in given.items() if value is not None}
    checked = _checked(values)
    return {name: getattr(checked, name) for name in values}


def _checked(given: Mapping[str, Any]) -> RunOptions:
    try:
        checked = _options_type().validate_python(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        why = first["msg"].replace("Input should", "it should")
        raise _unusable(name, given[name], why) from error
    for option in RUN_OPTIONS:
        if option.form is Form.ARGV and not all(map(is_command, getattr(checked, option.name))):
            why = "it should hold lists of a program and its arguments"
            raise _unusable(option.name, given[option.name], why)
        number = getattr(checked, option.name)
        if option.minimum is None or number is None:
            continue
        if not (math.isfinite(number) and number >= option.minimum):
            why = f"it should be finite and at least {option.minimum}"
            raise _unusable(option.name, number, why)
    return checked


@cache
def _options_type() -> TypeAdapter[RunOptions]:
    return TypeAdapter(RunOptions)


def _plain(value: object) -> object:
    """Return paths as texts."""
    match value:
        case os.PathLike():
            return os.fspath(value)
        case list() | tuple():
            return tuple(_plain(each) for each in value)
        case _:
            return value


def _unusable(name: str, value: object, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is {reprlib.repr(value)}: {why}",
        field=name,
        suggested_action=f"correct {name}, or leave it out",
    )
