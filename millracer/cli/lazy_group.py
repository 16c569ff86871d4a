"""Command groups that import a command only when it is used.

`millracer --help` and shell completion list commands from their entries alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from millracer.cli.command_table import Entry
from millracer.cli.grouped_help import GroupedCommand
from millracer.domain.operations import load


class LazyGroup(TyperGroup):
    """A group whose commands are loaded when they are used.

    Args:
        entries: its commands.
        default: the command of a command line that names none; empty: the help is shown.
    """

    def __init__(
        self, *, entries: Mapping[str, Entry], default: str = "", **attributes: Any
    ) -> None:
        super().__init__(**attributes)
        # Typer prints the repr of a name, and the name of an operation is a member of an enum.
        self._entries = {str(name): entry for name, entry in entries.items()}
        self._default = default
        self.commands = cast("MutableMapping[str, Any]", _Commands(self._entries))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the default command to a command line without a command."""
        is_help = any(word in ctx.help_option_names for word in args)
        if self._default and not is_help and (not args or args[0].startswith("-")):
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, *arguments: Any) -> None:
        """List the commands without loading them."""
        with self._listed():
            super().format_commands(*arguments)

    def shell_complete(self, *arguments: Any) -> Any:
        """Complete a command's name without loading a command."""
        with self._listed():
            return super().shell_complete(*arguments)

    @contextmanager
    def _listed(self) -> Iterator[None]:
        loaded = self.commands
        self.commands = {
            name: TyperCommand(name, help=entry.help, rich_markup_mode=None)
            for name, entry in self._entries.items()
        }
        try:
            yield
        finally:
            self.commands = loaded


class _Commands(Mapping[str, TyperCommand | TyperGroup]):
    """The commands of a group by name; a command's module is imported by its first look-up."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._loaded: dict[str, TyperCommand | TyperGroup] = {}

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._entries[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _load(name: str, entry: Entry) -> TyperCommand | TyperGroup:
    if entry.commands:
        return LazyGroup(
            name=name,
            help=entry.help,
            entries=entry.commands,
            default=entry.default,
            no_args_is_help=not entry.default,
            rich_markup_mode=None,
        )
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=GroupedCommand, epilog=entry.epilog)(load(entry.target))
    command = cast("GroupedCommand", typer.main.get_command(alone))
    command.examples = entry.examples
    return command
