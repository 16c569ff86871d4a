"""Every command that prints JSON takes `--json` and `--output`, and short options exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperCommand
from typer.main import get_command

from millracer.cli.app import app
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stdout import OutputFormat

_NOT_PRINTED_BY_CHOICE = {"ops"}


def commands(command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, TyperCommand]]:
    for name in getattr(command, "commands", {}):
        yield from commands(command.commands[name], (*above, name))
    if not hasattr(command, "commands"):
        yield " ".join(above), command


_COMMANDS = [pytest.param(words, each, id=words) for words, each in commands(get_command(app))]


@pytest.mark.parametrize(("words", "command"), _COMMANDS)
def test_both_spellings_exist_or_neither(words: str, command: TyperCommand) -> None:
    options = {name for parameter in command.params for name in parameter.opts}

    if words not in _NOT_PRINTED_BY_CHOICE:
        assert {"--json", "--output", "-o"} <= options or not {"--json", "--output"} & options


@pytest.mark.parametrize(("words", "command"), _COMMANDS)
def test_a_short_option_means_the_same_in_every_command(words: str, command: TyperCommand) -> None:
    short = {"-w": "--workspace", "-o": "--output", "-m": "--model", "-q": "--quiet"}
    if words == "certify":  # its result is a file
        short["-o"] = "--out"
    for parameter in command.params:
        for name, long in short.items():
            assert (name in parameter.opts) == (long in parameter.opts), words


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"output": OutputFormat.TEXT, "as_json": False}, (False, OutputFormat.TEXT)),
        ({"output": OutputFormat.TEXT, "as_json": True}, (True, OutputFormat.JSON)),
        ({"output": OutputFormat.JSON, "as_json": False}, (True, OutputFormat.JSON)),
    ],
)
def test_a_command_gets_the_flag_or_the_format(
    given: dict[str, Any], taken: tuple[bool, OutputFormat]
) -> None:
    got: list[object] = []

    @with_output
    def flagged(*, as_json: bool = False) -> None:
        got.append(as_json)

    @with_output
    def formatted(*, output: OutputFormat = OutputFormat.JSON) -> None:
        got.append(output)

    flagged(**given)
    formatted(**given)

    assert tuple(got) == taken


@pytest.mark.parametrize("name", ["run", "watch", "operator", "ops"])
def test_the_help_of_a_command_with_many_options_has_groups(name: str) -> None:
    command: Any = get_command(app)
    command = command.commands[name]
    text = command.get_help(command.context_class(command, info_name=name))

    for group in ("Task", "Model", "Daemon", "Program"):
        assert f"{group} options:" in text
    assert ("Examples:" in text) is (name == "run")
    assert "range>" not in text
