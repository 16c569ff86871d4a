"""What a line typed to the operator is: a task, a command, or a slip."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class CommandName(StrEnum):
    """What the operator can be told with a slash."""

    HELP = "help"
    STATUS = "status"
    WORKSPACE = "workspace"
    MODE = "mode"
    ROUTE = "route"
    INTAKE = "intake"
    LAST = "last"
    HISTORY = "history"
    RESUME = "resume"
    EXIT = "exit"
    QUIT = "quit"


#: Each command as `/help` shows it: what follows it, and what it does.
COMMANDS: dict[CommandName, tuple[str, str]] = {
    CommandName.HELP: ("", "this list"),
    CommandName.STATUS: ("", "what Millrace is doing in the workspace"),
    CommandName.WORKSPACE: ("[ID|PATH]", "show or select the workspace; remembered"),
    CommandName.MODE: ("[NAME|-]", "the same for the Millrace mode; - for none"),
    CommandName.ROUTE: ("[auto|direct|millrace]", "who does the tasks of this session"),
    CommandName.INTAKE: ("[auto|probe|idea|task]", "what Millrace is given in this session"),
    CommandName.LAST: ("[json]", "the last result again"),
    CommandName.HISTORY: ("", "the tasks of this session and how they ended"),
    CommandName.RESUME: ("[ID]", "go on with an item, or list what is left"),
    CommandName.EXIT: ("", "leave; so do /quit and Ctrl-D"),
    CommandName.QUIT: ("", "leave"),
}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task, exactly as it is to be passed on."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command and what follows it, without blanks around; empty if nothing does."""

    name: CommandName
    argument: str


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A slash and a word that is no command; `nearest` is the one that was meant, perhaps."""

    word: str
    nearest: CommandName | None


Line = TaskLine | CommandLine | UnknownCommand


def parse_line(text: str) -> Line | None:
    """Return what a line says, None for a blank one.

    A slash at the very beginning makes a command. A task that begins with a slash is written with
    a blank before it, which is not part of the task.
    """
    if not text.strip():
        return None
    if text.startswith(" ") and text[1:].startswith("/"):
        return TaskLine(text[1:])
    if not text.startswith("/"):
        return TaskLine(text)
    word, argument = [*text[1:].split(None, 1), "", ""][:2]
    word = word.lower()
    if word in COMMANDS:
        return CommandLine(CommandName(word), argument.strip())
    return UnknownCommand(word, _nearest(word))


def _nearest(word: str) -> CommandName | None:
    """Return the command that begins so, else the one that looks most like it."""
    begun = [name for name in COMMANDS if word and name.startswith(word)]
    near = begun or get_close_matches(word, COMMANDS, n=1, cutoff=0.5)
    return CommandName(near[0]) if near else None
