"""`millracer setup`: show the plan, ask, install, and list the installed programs."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from millracer.cancellation import Cancellation, Wait
from millracer.cli.command import completed
from millracer.cli.process.signals import signals_cancel, signals_raise
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.stderr import can_redraw, printable, say, say_error
from millracer.cli.terminal.stdin import unreadable
from millracer.cli.terminal.stdout import print_shown
from millracer.cli.terminal.style import Role, Stream, Symbol, is_terminal, paint, symbol
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.programs import HiddenPi, Tool, variable_of
from millracer.errors import ExitCode, MillracerError, UsageError
from millracer.programs.installed import installed_tools
from millracer.programs.plan import MEGABYTES, SOURCES, Part, SetupPlan
from millracer.programs.setup import Installer, plan, set_up, take_away, tidy_up
from millracer.wiring.user_files import find_hidden_pi, open_installer

#: How long the user's pi may take to print its version, if its package does not name it.
_PI_SECONDS = 15.0


def setup(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what setup installed.")] = False,
) -> None:
    """Install the tested versions of Millrace and pi for your user.

    Shows the plan and asks before it changes anything.
    """
    load_endings()
    cancellation = Cancellation()

    def work() -> ExitCode:
        folder, installer = open_installer()
        if remove:
            return _remove(folder, installer, cancellation, yes=yes)
        return _install(folder, installer, cancellation, yes=yes)

    raise typer.Exit(completed(work, _failed))


def _failed(error: MillracerError) -> ExitCode:
    if isinstance(error, CallerCancelled):
        say(f"{error.message}: unfinished installations are not used")
    else:
        say_error(error.message, error.suggested_action)
    return exit_code_of_failure(error)


def _install(
    folder: Path, installer: Installer, cancellation: Cancellation, *, yes: bool
) -> ExitCode:
    wait = Wait(cancellation)
    with signals_cancel(cancellation):
        todo = plan(installer, wait)
        hidden = find_hidden_pi(folder, wait.within(_PI_SECONDS))
    cancellation.raise_if_cancelled()
    if todo.install:
        _describe(todo, folder)
    if hidden is not None:
        _describe_hidden(hidden)
    if todo.install and not _confirm("Install this?", "millracer setup", yes=yes):
        say("nothing was installed")
        return ExitCode.INCOMPLETE
    with signals_cancel(cancellation):
        if todo.install:
            set_up(installer, wait, doing=_show_step, on_wait=_report_waiting)
        else:
            say("everything is installed already")
            tidy_up(installer, wait, on_wait=_report_waiting)
    cancellation.raise_if_cancelled()
    _list_installed()
    say("  next: check the installation with `millracer doctor`, or try `millracer demo`")
    return ExitCode.COMPLETED


def _remove(
    folder: Path, installer: Installer, cancellation: Cancellation, *, yes: bool
) -> ExitCode:
    if not folder.exists():
        say(f"nothing is installed in {folder}")
        return ExitCode.COMPLETED
    say(f"This removes what `millracer setup` installed in {folder}.")
    if not _confirm("Remove it?", "millracer setup --remove", yes=yes):
        say("nothing was removed")
        return ExitCode.INCOMPLETE
    with signals_cancel(cancellation), _show_activity("removing the installation"):
        take_away(installer, Wait(cancellation), on_wait=_report_waiting)
    say(f"removed {folder}")
    say(
        "Not changed: your configuration (`millracer config path` prints its path), sessions, "
        "logs and workspaces."
    )
    return ExitCode.COMPLETED


def _describe(todo: SetupPlan, folder: Path) -> None:
    say(f"This installs in {folder}, for your user only:")
    for part in todo.install:
        say(f"  {part:<9}{part.version:<9}about {MEGABYTES[part]:>3} MB  {SOURCES[part]}")
    for part in sorted(todo.keep):
        say(f"  {part:<9}is installed already and stays")
    if todo.machine_node is not None:
        say(f"  pi will use this machine's Node, {todo.machine_node}")
    say(f"About {todo.megabytes} MB in all, from the indexes that pip and npm are configured for.")
    say("`millracer setup --remove` undoes it.")


def _describe_hidden(hidden: HiddenPi) -> None:
    """Say which pi of the user's no command uses any more, and how to keep it."""
    own, key = Part.PI.version, Tool.PI.key
    age = "newer" if hidden.is_newer else "older"
    say(
        f"Your pi {hidden.version}, {hidden.program}, is {age}; Millracer uses pi {own} instead of "
        "it. Both read the same settings: the default model may be another one, and `apiKey` in "
        "models.json may mean something else."
    )
    name = json.dumps(hidden.program)
    say(f"  to keep yours: write `{key} = {name}` to the file that `millracer config path` prints")


def _confirm(question: str, command: str, *, yes: bool) -> bool:
    """Ask for confirmation unless it was given with an option.

    Raises:
        UsageError: there is no terminal to ask on, or standard input cannot be read.
        Cancelled: a signal arrived.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "cannot ask for confirmation: standard input or standard error is not a terminal",
            suggested_action=f"run `{command}` in a terminal, or confirm with --yes",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        with signals_raise():
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
    except OSError as error:
        raise unreadable(error) from error


@contextmanager
def _show_step(text: str) -> Iterator[None]:
    """Show a step while it runs, then how long it took."""
    began = time.monotonic()
    with _show_activity(text):
        yield
    say(f"{text}: done in {time.monotonic() - began:.0f} s")


@contextmanager
def _show_activity(text: str) -> Iterator[None]:
    """Show a running step: a spinner on a terminal, a plain line elsewhere."""
    if not can_redraw():
        say(f"{text} ...")
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only terminals need it

    with Console(file=sys.stderr, highlight=False).status(printable(text)):
        yield


def _report_waiting() -> None:
    say("another `millracer setup` is at work; waiting until it ends")


def _list_installed() -> None:
    lines: list[str] = []
    for tool, installed in installed_tools().items():
        lines += hanging(
            f"{paint(symbol(Symbol.DONE), Role.GOOD)} " if is_terminal(Stream.OUT) else "",
            f"{tool} {installed.version}: {shlex.join(installed.argv)}",
        )
        variable = variable_of(tool.option)
        if os.environ.get(variable):
            say(f"warning: {variable} is set and takes precedence over the installed program")
    print_shown("\n".join(lines))
