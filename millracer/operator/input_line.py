"""Parses a line typed to the operator: a task, a command, or an unknown command."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class CommandName(StrEnum):
    """The operator's slash commands."""

    HELP = "help"
    STATUS = "status"
    WORKSPACE = "workspace"
    MODE = "mode"
    ROUTE = "route"
    INTAKE = "intake"
    LAST = "last"
    HISTORY = "history"
    SHOW = "show"
    LOGS = "logs"
    DIFF = "diff"
    RETRY = "retry"
    WATCH = "watch"
    EXIT = "exit"
    QUIT = "quit"


#: Usage and purpose of each command, as `/help` shows them.
COMMANDS: dict[CommandName, tuple[str, str]] = {
    CommandName.HELP: ("", "this list"),
    CommandName.STATUS: ("", "what Millrace is doing in the workspace"),
    CommandName.WORKSPACE: ("[ID|PATH]", "show or select the workspace; remembered"),
    CommandName.MODE: ("[NAME|-]", "list the modes, or select one; - for none"),
    CommandName.ROUTE: ("[auto|direct|millrace]", "show or set the route of this session's tasks"),
    CommandName.INTAKE: ("[auto|probe|idea|task]", "show or set their intake kind"),
    CommandName.LAST: ("[json]", "the last result again"),
    CommandName.HISTORY: ("", "the tasks of this session, or all items"),
    CommandName.SHOW: ("[ID]", "everything about an item, or the last one"),
    CommandName.LOGS: ("[ID]", "what the agents of its stages said and did"),
    CommandName.DIFF: ("[ID]", "the lines that changed during the work on it"),
    CommandName.RETRY: ("ID", "put a blocked item back into the queue"),
    CommandName.WATCH: ("[ID]", "continue an item, or list unfinished ones"),
    CommandName.EXIT: ("", "leave; so do /quit and Ctrl-D"),
    CommandName.QUIT: ("", "leave"),
}


#: Older names of commands, which `/help` does not show.
_OLDER_NAMES = {"resume": CommandName.WATCH}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task; its text is passed on unchanged."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command and its argument, without surrounding blanks; empty if there is none."""

    name: CommandName
    argument: str


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A slash and an unknown word; `nearest` is the most similar command, if there is one."""

    word: str
    nearest: CommandName | None


Line = TaskLine | CommandLine | UnknownCommand


def parse_line(text: str) -> Line | None:
    """Parse a line; None for a blank one.

    A line that begins with a slash is a command. A task that begins with a slash is typed with a
    blank before it, which is not part of the task.
    """
    if not text.strip():
        return None
    if text.startswith(" ") and text[1:].startswith("/"):
        return TaskLine(text[1:])
    if not text.startswith("/"):
        return TaskLine(text)
    word, argument = [*text[1:].split(None, 1), "", ""][:2]
    word = word.lower()
    known = _OLDER_NAMES.get(word, word)
    if known in COMMANDS:
        return CommandLine(CommandName(known), argument.strip())
    return UnknownCommand(word, _nearest(word))


def _nearest(word: str) -> CommandName | None:
    """Return a command with this prefix, else the most similar one."""
    begun = [name for name in COMMANDS if word and name.startswith(word)]
    near = begun or get_close_matches(word, COMMANDS, n=1, cutoff=0.5)
    return CommandName(near[0]) if near else None
