"""Reads a configuration file's text; each error names file, line and key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, PrivateAttr, ValidationError, create_model, field_validator

from millracer.domain.configuration import (
    LONGEST_CONFIG_BYTES,
    NOT_FOR_A_FILE,
    NOT_FOR_A_WORKSPACE,
    is_from_anywhere,
    starts_the_same_anywhere,
)
from millracer.domain.models import parse_choice
from millracer.domain.notifications import NOTIFY_KEY, NotifyTarget
from millracer.domain.run.options import FILE_OPTIONS, PROGRAM_OPTIONS, Form, Option
from millracer.errors import ConfigInvalid
from millracer.schemas.encoding import NotUtf8, read_document
from millracer.schemas.notify_tables import parse_notify_tables
from millracer.schemas.run.options import GivenOptions, fields_of

_LONGEST_SHOWN = 100
_WIDEST_BITS = 64
_MODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTROL = re.compile("[\\x00-\\x1f\\x7f]")


def _named(*forms: Form) -> tuple[str, ...]:
    """Return the options of these forms that are texts."""
    texts = (option for option in FILE_OPTIONS if option.kind is str)
    return tuple(option.name for option in texts if option.form in forms)


#: Options whose value is a list of lists.
_COMMAND_LISTS = frozenset(option.name for option in FILE_OPTIONS if option.form is Form.ARGV)


def _is_paths(option: Option) -> bool:
    return option.kind is tuple and option.form is Form.PATH


if TYPE_CHECKING:  # see `GivenOptions`
    _ConfigFields = GivenOptions
else:
    _ConfigFields = create_model(
        "_ConfigFields", __base__=GivenOptions, **fields_of(PROGRAM_OPTIONS)
    )


class ConfigOptions(_ConfigFields):
    """The options that a configuration file sets; None: none.

    A value that becomes a program's argument must not look like one of its options, and a path must
    not depend on the current directory of a command.
    """

    model_config = ConfigDict(extra="forbid")
    _notify: tuple[NotifyTarget, ...] = PrivateAttr(default=())

    @property
    def notify(self) -> tuple[NotifyTarget, ...]:
        """The receivers of notifications; only the user's file has them."""
        return self._notify

    @field_validator(*_named(*Form))
    @classmethod
    def _is_a_word(cls, text: str | None) -> str | None:
        if text is None:
            raise ValueError("it should not be empty")
        if text.startswith("-") or _CONTROL.search(text):
            raise ValueError("it should be one line, and not begin with a dash")
        return text

    @field_validator(*_named(Form.NAME))
    @classmethod
    def _is_a_name(cls, mode: str) -> str:
        if not _MODE.fullmatch(mode):
            raise ValueError("it should be a mode's name, of letters, digits, '.', '_' and '-'")
        return mode

    @field_validator(*_named(Form.MODEL))
    @classmethod
    def _is_a_model(cls, text: str) -> str:
        if parse_choice(text) is None:
            raise ValueError("it should be PROVIDER/MODEL, or PROVIDER/MODEL:THINKING")
        return text

    @field_validator(*_named(Form.PATH))
    @classmethod
    def _is_anywhere_the_same(cls, path: str) -> str:
        return _from_anywhere(path)

    @field_validator(*_named(Form.PROGRAM))
    @classmethod
    def _starts_the_same_anywhere(cls, command: str) -> str:
        if not starts_the_same_anywhere(command):
            raise ValueError("it should name a program, absolute or beginning with ~ where a path")
        return command

    @field_validator(*(option.name for option in FILE_OPTIONS if _is_paths(option)))
    @classmethod
    def _are_anywhere_the_same(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_from_anywhere(path) for path in paths)


def parse_config(raw: bytes, path: str, *, of_workspace: bool) -> ConfigOptions:
    """Return the options that a configuration file sets.

    Args:
        raw: its content.
        path: how errors name it.
        of_workspace: whether the file belongs to a workspace, and so must not select programs.

    Raises:
        ConfigInvalid: it is not TOML, or has a forbidden key or value.
    """
    text, table = _read_toml(raw, path)
    for key in table:
        _check_key(key, f"{path}{_line_of(text, key)}", of_workspace=of_workspace)
    notify = parse_notify_tables(table.pop(NOTIFY_KEY, []), text, path)
    for key, value in table.items():
        _check_shape(key, value, f"{path}{_line_of(text, key)}")
    try:
        options = ConfigOptions.model_validate_json(json.dumps(table, default=_as_object))
    except ValidationError as error:
        raise _wrong_value(error, text, table, path) from error
    options._notify = notify  # noqa: SLF001 - the tables are not options
    return options


def _read_toml(raw: bytes, path: str) -> tuple[str, dict[str, Any]]:
    import tomllib  # noqa: PLC0415 - most have no file, and do not pay for reading one

    correct = "correct it, or remove the file"
    if len(raw) > LONGEST_CONFIG_BYTES:
        raise ConfigInvalid(
            f"{path} is longer than {LONGEST_CONFIG_BYTES} bytes",
            suggested_action="shorten it, or remove the file",
        )
    try:
        text = read_document(raw)
        return text, tomllib.loads(text)
    except NotUtf8 as error:
        raise ConfigInvalid(f"{path} {error}", suggested_action=error.suggested_action) from error
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(f"{path} is not TOML: {error}", suggested_action=correct) from error


def _check_key(key: str, where: str, *, of_workspace: bool) -> None:
    meant = key.replace("-", "_").lower()
    if of_workspace and meant in NOT_FOR_A_WORKSPACE:
        action = NOT_FOR_A_FILE.get(
            meant,
            f"set {meant} in your own file (`millracer config path` says where), or as an option",
        )
        raise ConfigInvalid(
            f"{where}: the file of a workspace must not set {meant}: {NOT_FOR_A_WORKSPACE[meant]}",
            suggested_action=f"take it out; {action}",
        )
    if meant in NOT_FOR_A_FILE:
        raise ConfigInvalid(
            f"{where}: a configuration file does not set {meant}",
            suggested_action=f"take it out; {NOT_FOR_A_FILE[meant]}",
        )
    names = [
        name
        for name in (*ConfigOptions.model_fields, NOTIFY_KEY)
        if not (of_workspace and name in NOT_FOR_A_WORKSPACE)
    ]
    if key in names:
        return
    near = get_close_matches(meant, names, n=1)
    action = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(names)}"
    raise ConfigInvalid(
        f"{where}: there is no key {key!r:.{_LONGEST_SHOWN}}", suggested_action=action
    )


def _check_shape(key: str, value: object, where: str) -> None:
    """Refuse what no option is, and may be deeper or longer than can be written down again."""
    parts = value if isinstance(value, list) else [value]
    if key in _COMMAND_LISTS:
        parts = [word for part in parts for word in (part if isinstance(part, list) else [part])]
    if any(isinstance(part, dict | list) for part in parts):
        why = "it should not hold tables or lists of its own"
    elif any(isinstance(part, int) and part.bit_length() > _WIDEST_BITS for part in parts):
        why = "it should not be so large a number"
    else:
        return
    raise ConfigInvalid(f"{where}: {key}: {why}", suggested_action=_correct(key))


def _wrong_value(
    error: ValidationError, text: str, table: Mapping[str, Any], path: str
) -> ConfigInvalid:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = str(first["loc"][0])
    why = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    shown = json.dumps(table[key], ensure_ascii=False, default=str)
    return ConfigInvalid(
        f"{path}{_line_of(text, key)}: {key} is {shown:.{_LONGEST_SHOWN}}: {why}",
        suggested_action=_correct(key),
    )


def _correct(key: str) -> str:
    return f"correct {key}, or take it out"


def _as_object(value: object) -> dict[str, str]:
    """Put what JSON does not know, a date or a time, into what no option is."""
    return {"value": str(value)}


def _line_of(text: str, key: str) -> str:
    """Return the line that sets a key, as text for a message; empty if it is not obvious."""
    quoted = rf"^[ \t]*+(?:\[?\[[ \t]*+)?([\"']?){re.escape(key)}\1[ \t]*+[=.\]]"
    found = re.search(quoted, text, re.MULTILINE)
    return "" if found is None else f", line {text.count(chr(10), 0, found.start()) + 1}"


def _from_anywhere(path: str) -> str:
    if not is_from_anywhere(path):
        raise ValueError("it should be absolute, or begin with ~")
    return path
