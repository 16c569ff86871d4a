"""Every command's `--help` as one page, at a fixed width and without colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from millracer.cli.app import app

_COLUMNS = 100

_HEAD = """\
# Command line reference

The `--help` text of every command, written by `make docs`; do not edit.

An option with an `env var` can be set by that variable; [configuration](configuration.md) says
which value applies. [Troubleshooting](troubleshooting.md) explains the exit codes.
"""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A command, as it is called, and its help."""

    words: tuple[str, ...]
    help: str
    is_group: bool


def help_pages(columns: int = _COLUMNS) -> Iterator[HelpPage]:
    """Yield every command in the order that its group lists it."""
    root = get_command(app)
    yield from _help_of(root, (str(root.name),), None, columns)


def render() -> str:
    """Return the page."""
    sections = [
        f"\n## `{' '.join(each.words)}`\n\n```text\n{each.help}\n```\n" for each in help_pages()
    ]
    return _HEAD + "".join(sections)


def _help_of(
    command: TyperCommand | TyperGroup, words: tuple[str, ...], parent: object, columns: int
) -> Iterator[HelpPage]:
    context = command.context_class(
        command,
        info_name=words[-1],
        parent=parent,
        terminal_width=columns,
        max_content_width=columns,
        color=False,
        **command.context_settings,
    )
    lines = command.get_help(context).replace(str(Path.home()), "~").splitlines()
    text = "\n".join(line.rstrip() for line in lines)
    subcommands = getattr(command, "commands", {})
    yield HelpPage(words, text, bool(subcommands))
    for name, subcommand in subcommands.items():
        if not subcommand.hidden:
            yield from _help_of(subcommand, (*words, name), context, columns)
