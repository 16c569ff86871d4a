"""Lay text out for a terminal: hanging indents, labels, outcomes; a pipe gets it unchanged."""

from __future__ import annotations

import os
import re
import shlex
import textwrap

from rich.cells import cell_len

from millracer.cli.terminal.item_ids import shorten_ids
from millracer.cli.terminal.style import (
    Role,
    Stream,
    Symbol,
    columns,
    is_terminal,
    paint,
    symbol,
    without_marks,
)
from millracer.domain.programs import variable_of

#: The least room for text beside its indent, and the most columns that an indent takes.
_LEAST_ROOM = 20
_WIDEST_INDENT = 28
_INDENT = 4

_LABELLED = re.compile(
    r"(?P<label> *(?:error|warning|next|evidence|missing|to [a-z ]+): )(?P<text>.+)"
)
_OUTCOME = re.compile(r"(?P<outcome>[a-z]+(?:[ _][a-z]+)?)(?P<rest>(?:: | · ).*)")
_LABEL_ROLES = {"error": Role.BAD, "warning": Role.WARNING, "missing": Role.WARNING}
_OUTCOMES = {
    "completed": (Symbol.DONE, Role.GOOD),
    "failed": (Symbol.FAILED, Role.BAD),
    "crashed": (Symbol.FAILED, Role.BAD),
    "blocked": (Symbol.ATTENTION, Role.WARNING),
    "incomplete": (Symbol.ATTENTION, Role.WARNING),
    "cancelled": (Symbol.ATTENTION, Role.WARNING),
    "timed out": (Symbol.ATTENTION, Role.WARNING),
    "budget exhausted": (Symbol.ATTENTION, Role.WARNING),
}
#: A command in a text, which is not broken: in backticks, as a source, or at the end of the facts.
_COMMAND = re.compile(r"`[^`]+`|\bmillrace [^()`;·]{1,500}(?=[);])|(?<= · )millracer [^·]+$")
_BLANK_IN_COMMAND = "\ufdef"
#: Words of a command line: a quoted text is one word.
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*'|["'])+""")


def lay_out(text: str, stream: Stream) -> str:
    """Return messages for a stream: labels and outcomes painted, long lines wrapped."""
    if not is_terminal(stream):
        return text
    lines = from_here(shorten_ids(text, stream)).split("\n")
    return "\n".join(laid for line in lines for laid in _lay_out_line(line, stream))


def from_here(text: str) -> str:
    """Return commands without the options that a command here would use anyway.

    They are `--millrace-command` as the environment names it, and `--workspace` where the current
    directory is that workspace. Not the latter if the environment names a workspace or a session,
    which a command would use instead.
    """
    millrace = os.environ.get(variable_of("--millrace-command"))
    if millrace:
        text = _without(text, "--millrace-command", millrace)
    if any(os.environ.get(variable_of(option)) for option in ("--workspace", "--session-id")):
        return text
    try:
        here = os.getcwd()  # noqa: PTH109 - a text that is compared
    except OSError:  # the directory is gone
        return text
    return _without(text, "--workspace", here)


def _without(text: str, option: str, value: str) -> str:
    return re.sub(rf" {option} {re.escape(shlex.quote(value))}(?=[\s`);]|$)", "", text)


def hanging(start: str, text: str, stream: Stream = Stream.OUT) -> list[str]:
    """Return a line, on a terminal wrapped between words below the end of `start`.

    A command in it is not broken: one that is too long is left to the terminal, which copies it as
    one line.
    """
    width = columns(stream)
    text = text if width is None else from_here(shorten_ids(text, stream))
    taken = cell_len(without_marks(start))
    if width is None or not text.strip() or taken + cell_len(without_marks(text)) <= width:
        return [f"{start}{text}"]
    indent = taken if taken <= min(_WIDEST_INDENT, width - _LEAST_ROOM) else _INDENT
    lines = textwrap.wrap(
        _COMMAND.sub(lambda found: found[0].replace(" ", _BLANK_IN_COMMAND), text),
        max(width, indent + _LEAST_ROOM),
        initial_indent=" " * taken,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [line.replace(_BLANK_IN_COMMAND, " ") for line in lines]
    return [f"{start}{lines[0][taken:]}".rstrip(), *lines[1:]]


def command_lines(start: str, command: str, stream: Stream = Stream.OUT) -> list[str]:
    """Return a line with a command that stays valid when it is copied from several lines."""
    width = columns(stream)
    taken = cell_len(without_marks(start))
    command = command if width is None else from_here(shorten_ids(command, stream))
    if width is None or taken + len(command) <= width:
        return [f"{start}{paint(command, Role.COMMAND, stream)}"]
    lines: list[str] = []
    for word in _WORD.findall(command):
        if lines and len(lines[-1]) + len(word) + 3 <= width - _INDENT:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    last = len(lines) - 1
    painted = (
        paint(line, Role.COMMAND, stream) + ("" if at == last else " \\")
        for at, line in enumerate(lines)
    )
    return [start.rstrip(), *(f"{' ' * _INDENT}{line}" for line in painted)]


def outcome_words(outcome: str, stream: Stream = Stream.OUT) -> str:
    """Return an outcome, on a terminal behind its coloured symbol."""
    known = _OUTCOMES.get(outcome.replace("_", " "))
    if known is None or not is_terminal(stream):
        return outcome
    mark, role = known
    return f"{paint(symbol(mark, stream), role, stream)} {outcome}"


def _lay_out_line(line: str, stream: Stream) -> list[str]:
    labelled = _LABELLED.fullmatch(line)
    if labelled is not None:
        label, text = labelled["label"], labelled["text"]
        name = label.strip().rstrip(":")
        start = paint(label.rstrip(), _LABEL_ROLES.get(name, Role.DIM), stream) + " "
        if name.startswith("to "):
            return command_lines(start, text, stream)
        return hanging(start, text, stream)
    outcome = _OUTCOME.fullmatch(line)
    if outcome is not None and outcome["outcome"].replace("_", " ") in _OUTCOMES:
        return hanging(f"{outcome_words(outcome['outcome'], stream)}", outcome["rest"], stream)
    line = line.rstrip()
    blanks = len(line) - len(line.lstrip())
    column = max(line.rfind("  ") + 2, blanks) if "  " in line else blanks
    return hanging(line[:column], line[column:], stream)
