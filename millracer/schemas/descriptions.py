"""Field descriptions in JSON Schemas, from the `Attributes:` section of each model's docstring."""

from __future__ import annotations

import inspect
import re
from typing import Any

_SECTION = "\n\nAttributes:\n"
_ENTRY = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def describe_fields(schema: dict[str, Any], model: type[Any]) -> None:
    """Move the descriptions of a model's fields from its docstring to its schema's properties.

    An inherited field has the description of the nearest class that describes it.

    Args:
        schema: the model's schema as pydantic generates it; changed in place.
        model: the model's class.
    """
    described: dict[str, str] = {}
    for each in reversed(model.__mro__):
        described |= descriptions_in(each)
    for name, field in schema["properties"].items():
        if name in described:
            field["description"] = described[name][0].upper() + described[name][1:]
    schema["description"] = schema["description"].partition(_SECTION)[0]


def descriptions_in(model: type[Any]) -> dict[str, str]:
    """Return the descriptions in a class's own docstring, by field."""
    _, _, entries = inspect.cleandoc(model.__doc__ or "").partition(_SECTION)
    return {match[1]: " ".join(match[2].split()) for match in _ENTRY.finditer(entries)}
