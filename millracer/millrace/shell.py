"""Builds Millrace's shell commands for next steps; text only, nothing is run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from millracer.domain.commands import Commands, millracer_command
from millracer.domain.run.evidence import LineageItem
from millracer.domain.run.result import NextStep
from millracer.domain.work.items import ItemState, ItemStatus


@dataclass(frozen=True, slots=True)
class MillraceCommands(Commands):
    """The shell commands for one workspace.

    Attributes:
        workspace: its path.
        program: how `millrace` is called from a shell.
        option: the value of `--millrace-command`; None if the program is found without it.
    """

    workspace: str
    program: str = "millrace"
    option: str | None = None

    def millracer(self, *words: str) -> str:
        """Return a `millracer` command for this workspace and this Millrace."""
        return millracer_command(*words, workspace=self.workspace, option=self.option)

    def next_steps(
        self, item_status: ItemStatus, lineage: tuple[LineageItem, ...], *, watch_command: str
    ) -> tuple[NextStep, ...]:
        """Return the commands that continue, retry or cancel an item's unfinished work."""
        held = _held(item_status, lineage)
        steps = []
        if any(state.is_live for _, state, _ in held):
            steps.append(NextStep("continue", watch_command))
        for item_id, state, path in held:
            if state is ItemState.BLOCKED:
                steps.append(NextStep("retry", self.millracer("retry", item_id)))
            steps.append(NextStep("cancel", self._cancel(item_id, state, path)))
        return tuple(steps)

    def initialise(self) -> str:
        """Return `millrace init`."""
        return f"{self.program} init {self._here}"

    def upgrade(self) -> str:
        """Return `millrace upgrade`."""
        return f"{self.program} upgrade {self._here}"

    def list_modes(self) -> str:
        """Return `millrace modes list`, which needs no workspace."""
        return f"{self.program} modes list"

    @property
    def _here(self) -> str:
        return f"--workspace {shlex.quote(self.workspace)}"

    def _cancel(self, item_id: str, state: ItemState, path: str | None) -> str:
        if state in {ItemState.MAILBOX, ItemState.INBOX} and path is not None:
            return f"rm {shlex.quote(path)}"
        cancel = self.millracer("cancel", item_id)
        if state is ItemState.ACTIVE:
            # Millrace cancels an active item only after the item is back in the queue.
            return f"{self.millracer('stop', '--force')} && {cancel}"
        return cancel


def _held(
    item_status: ItemStatus, lineage: tuple[LineageItem, ...]
) -> list[tuple[str, ItemState, str | None]]:
    if _is_held(item_status.state):
        item_id = item_status.millrace_id or item_status.item_id
        return [(item_id, item_status.state, item_status.path)]
    if item_status.state is ItemState.DONE:
        return [
            (member.item_id, member.state, None) for member in lineage if _is_held(member.state)
        ]
    return []


def _is_held(state: ItemState) -> bool:
    return state.is_live or state is ItemState.BLOCKED
