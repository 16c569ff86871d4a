"""A value of each option of the table, other than its default, as Python, JSON and TOML have it."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from millracer.domain.run.options import Form, Option

_TEXTS = {
    Form.LINE: "p/m:high",
    Form.NAME: "lad_pi",
    Form.MODEL: "p/m:high",
    Form.PATH: "/work/one",
    Form.PROGRAM: "/opt/program --offline",
}


def value_of(option: Option) -> Any:
    """Return a valid value that is not the default."""
    kind, default = option.kind, option.default
    if kind is bool:
        return not default
    if issubclass(kind, StrEnum):
        return next(each for each in kind if each != default)
    if kind in {int, float}:
        return kind((option.minimum or 0) + 1) if default is None else kind(default + 1)
    if option.form is Form.ARGV:
        return (("pytest", "-q"), ("make", "check all"))
    text = _TEXTS[option.form]
    return (text, f"{text}/two") if kind is tuple else text


def as_json(value: Any) -> Any:
    """Return a value as JSON has it."""
    return [as_json(each) for each in value] if isinstance(value, tuple) else value


def toml_of(options: tuple[Option, ...]) -> str:
    """Return a configuration file that sets each option."""
    lines = (f"{each.name} = {json.dumps(as_json(value_of(each)))}" for each in options)
    return "\n".join([*lines, ""])


def json_values_of(option: Option, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return a strategy for the JSON values of an option, null among them."""
    kind = option.kind
    if kind is bool:
        return st.none() | st.booleans()
    if issubclass(kind, StrEnum):
        return st.sampled_from([None, *map(str, kind)])
    if option.form is Form.MODEL:
        return st.sampled_from([None, "a/b", "a/b:c:low"])
    if kind is tuple:
        commands = st.lists(st.sampled_from(["make", "a b", "-x"]), min_size=1, max_size=3)
        entries = commands if option.form is Form.ARGV else texts
        return st.none() | st.lists(entries, max_size=3)
    if kind is str:
        return st.none() | texts
    least = option.minimum or 0
    whole = st.integers(int(least) + 1, 10**6)
    return st.none() | (whole if kind is int else whole | st.floats(least, 1e9))
