"""The steps that install or remove the tested tools; an `Installer` performs them on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from millracer.cancellation import Wait
from millracer.programs.plan import Found, Part, SetupPlan, plan_setup

#: Called with the text of each step; the returned block is open while the step runs.
StepListener = Callable[[str], AbstractContextManager[None]]


class Installer(Protocol):
    """Access to the user's tools folder; it raises the errors of `millracer.errors`."""

    def inspect(self, wait: Wait) -> Found:
        """Start the installed parts and return those that work."""
        ...

    def alone(self, wait: Wait, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the tools folder's lock; `on_wait` is called if another setup holds it."""
        ...

    def install(self, part: Part, machine_node: str | None, wait: Wait) -> None:
        """Install a part, start it, then record it."""
        ...

    def sweep(self) -> None:
        """Remove setup's unrecorded files from the tools folder; never raises."""
        ...

    def remove(self) -> None:
        """Remove the record and everything that was installed."""
        ...


def plan(installer: Installer, wait: Wait) -> SetupPlan:
    """Return the plan; changes nothing."""
    return plan_setup(installer.inspect(wait))


def set_up(
    installer: Installer, wait: Wait, *, doing: StepListener, on_wait: Callable[[], None]
) -> None:
    """Install missing parts; parts that work are kept.

    Another setup may have run meanwhile, so the plan is made again while the lock is held.

    Args:
        installer: the tools folder.
        wait: the deadline and the cancellation.
        doing: entered for each step.
        on_wait: called if another setup is running.

    Raises:
        MillracerError: a part could not be installed; the parts before it are kept.
        Cancelled: the caller cancelled; the parts before it are kept.
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
    """Remove the files of setups that did not finish.

    Raises:
        MillracerError: the tools folder cannot be locked.
        Cancelled: the caller cancelled while another setup was running.
    """
    with installer.alone(wait, on_wait):
        installer.sweep()


def take_away(installer: Installer, wait: Wait, *, on_wait: Callable[[], None]) -> None:
    """Remove everything that setup installed.

    Raises:
        SetupFailed: it is in use, or cannot be removed.
        Cancelled: the caller cancelled while another setup was running.
    """
    with installer.alone(wait, on_wait):
        installer.remove()
