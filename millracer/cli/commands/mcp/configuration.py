"""Print the configuration of an agent that starts `millracer mcp`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from millracer.cli.commands.mcp.words import option_words
from millracer.cli.options.common import CommonOptions
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import print_text
from millracer.errors import ExitCode
from millracer.mcp.client_config import McpClient, configure
from millracer.operations.session.memory import SessionMemory
from millracer.wiring.workspace import find_place


def print_configuration(
    common: CommonOptions, client: str, own: Sequence[str], *, on_fleet: bool = False
) -> int:
    """Print it, and where it belongs to standard error; return the exit code.

    Args:
        common: the common options.
        client: the agent.
        own: the options of this command that the configuration has.
        on_fleet: `--workspace` is the id of a workspace of a fleet.

    Raises:
        InvalidRequest: the workspace is not a directory.
    """
    program, *words = _program()
    words.append("mcp")
    if not on_fleet:
        words += ["--workspace", find_place(common.workspace, None, SessionMemory(None)).root_path]
    elif common.workspace is not None:
        words += ["--workspace", str(common.workspace)]
    words += [*option_words(common), *own]
    text, where = configure(McpClient(client), program, words)
    print_text(text)
    say(where)
    return ExitCode.COMPLETED


def _program() -> tuple[str, ...]:
    """Return the words that start Millracer as it was started now."""
    started = Path(sys.argv[0]).absolute()
    if started.name == "__main__.py":
        return (sys.executable, "-m", "millracer")
    return (str(started),)
