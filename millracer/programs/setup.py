"""Installing the tested tools for the user, and taking them away: the order of it, and no disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from millracer.cancellation import Wait
from millracer.programs.plan import Found, Part, SetupPlan, plan_setup

#: Told what is being done while its block is open.
StepListener = Callable[[str], AbstractContextManager[None]]


class Installer(Protocol):
    """The user's tools folder, and what fills it; errors as `millracer.errors`."""

    def inspect(self, wait: Wait) -> Found:
        """Start what is there, and say what is whole."""
        ...

    def alone(self, wait: Wait, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the tools folder against every other setup; `on_wait` is called if one has it."""
        ...

    def install(self, part: Part, machine_node: str | None, wait: Wait) -> None:
        """Install a part, start it, and only then record it."""
        ...

    def sweep(self) -> None:
        """Remove what of ours is in the tools folder and not recorded; never raises."""
        ...

    def remove(self) -> None:
        """Forget and remove everything that was installed."""
        ...


def plan(installer: Installer, wait: Wait) -> SetupPlan:
    """Return what is to be done; changes nothing."""
    return plan_setup(installer.inspect(wait))


def set_up(
    installer: Installer, wait: Wait, *, doing: StepListener, on_wait: Callable[[], None]
) -> None:
    """Install what is missing; what is there and whole stays.

    Another setup may have done it meanwhile, so it is looked at again with nobody else at work.

    Args:
        installer: the tools folder.
        wait: how long, and who may stop it.
        doing: entered for each step.
        on_wait: called where another setup is at work.

    Raises:
        MillracerError: a part could not be installed; those before it are, and are kept.
        Cancelled: likewise.
    """
    with installer.alone(wait, on_wait):
        todo = plan(installer, wait)
        try:
            for number, part in enumerate(todo.install, 1):
                with doing(f"[{number}/{len(todo.install)}] installing {part} {part.version}"):
                    installer.install(part, todo.machine_node, wait)
        finally:
            installer.sweep()


def tidy_up(installer: Installer, wait: Wait, *, on_wait: Callable[[], None]) -> None:
    """Remove what setups left that did not get to their end.

    Raises:
        MillracerError: the tools folder cannot be held.
        Cancelled: the caller asked to stop while another setup was at work.
    """
    with installer.alone(wait, on_wait):
        installer.sweep()


def take_away(installer: Installer, wait: Wait, *, on_wait: Callable[[], None]) -> None:
    """Remove everything that setup installed.

    Raises:
        SetupFailed: it is in use, or cannot be removed.
        Cancelled: the caller asked to stop while another setup was at work.
    """
    with installer.alone(wait, on_wait):
        installer.remove()
