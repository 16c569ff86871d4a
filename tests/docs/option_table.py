"""The table of the library's option keywords, written from the option table."""

from __future__ import annotations

import re
from enum import Enum

from millracer.domain.operations import FLEET_OPTIONS, NOT_FOR_WATCH, SUBMIT_OPTIONS
from millracer.domain.run.options import PROGRAM_OPTIONS, RUN_OPTIONS, Form, Option

_HEAD = """\
| keyword | value | default | meaning | accepted by |
|---|---|---|---|---|
"""
_HELP_DEFAULT = re.compile(r"(.*?)  \[default: (.*)\]")
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", tuple: "list of paths"}


def render() -> str:
    """Return the table."""
    return _HEAD + "".join(
        f"| `{option.name}` | {_values(option)} | {_default(option)} "
        f"| {_meaning(option)} | {', '.join(_calls(option))} |\n"
        for option in (*RUN_OPTIONS, *PROGRAM_OPTIONS)
    )


def _values(option: Option) -> str:
    if issubclass(option.kind, Enum):
        return ", ".join(f'`"{each.value}"`' for each in option.kind)
    kind = "list of word lists" if option.form is Form.ARGV else _TYPES[option.kind]
    return kind if option.minimum is None else f"{kind}, at least {option.minimum:g}"


def _default(option: Option) -> str:
    default = option.default
    if isinstance(default, Enum):
        default = default.value
    if default in (None, ()):
        return _HELP_DEFAULT.sub(r"\2", option.help_text) if _has_default(option) else ""
    return f"`{default!r}`".replace("'", '"')


def _meaning(option: Option) -> str:
    meaning = option.help_text.replace("; repeatable", "")
    return _HELP_DEFAULT.sub(r"\1", meaning) if _has_default(option) else meaning


def _has_default(option: Option) -> bool:
    """Whether the help states a default that the table does not hold."""
    return _HELP_DEFAULT.fullmatch(option.help_text) is not None


def _calls(option: Option) -> list[str]:
    calls = ["`Client`"]
    if option in RUN_OPTIONS:
        calls += ["`run`", "`run_events`"]
        calls += ["`watch`"] * (option.name not in NOT_FOR_WATCH)
        calls += ["`submit`"] * (option.name in SUBMIT_OPTIONS)
        calls += ["`fleet_submit`"] * (option.name in FLEET_OPTIONS)
    return calls
