"""Shell commands that continue the work in one workspace, for next steps and messages."""

from __future__ import annotations

import shlex
from typing import Protocol

from millracer.domain.run.evidence import LineageItem
from millracer.domain.run.result import NextStep
from millracer.domain.work.items import ItemStatus


class Commands(Protocol):
    """Shell commands about one workspace, quoted and ready to be run from any directory.

    `millracer` is the gateway's own command line; the others are the backend's.
    """

    @property
    def program(self) -> str:
        """How the backend's program is called from a shell."""
        ...

    def millracer(self, *words: str) -> str:
        """Return a `millracer` command for this workspace and this backend."""
        ...

    def next_steps(
        self, item_status: ItemStatus, lineage: tuple[LineageItem, ...], *, watch_command: str
    ) -> tuple[NextStep, ...]:
        """Return the commands that continue, retry or cancel an item's unfinished work.

        Args:
            item_status: where the item itself is.
            lineage: the item and its descendants; used where the item itself is done.
            watch_command: continues the item.
        """
        ...

    def initialise(self) -> str:
        """Return the command that makes the workspace usable."""
        ...

    def upgrade(self) -> str:
        """Return the command that brings the workspace to the backend's version."""
        ...

    def list_modes(self) -> str:
        """Return the command that lists the modes."""
        ...


def millracer_command(*words: str, workspace: str, option: str | None) -> str:
    """Return a `millracer` command line for the same workspace and the same backend.

    Args:
        words: the command and its arguments.
        workspace: its path.
        option: the value of `--millrace-command`; None where Millrace is found without it.
    """
    other = () if option is None else ("--millrace-command", option)
    return shlex.join(("millracer", *words, "--workspace", workspace, *other))
