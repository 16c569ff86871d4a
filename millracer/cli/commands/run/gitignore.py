"""Ask on a terminal whether git shall ignore the folder that a run created."""

from __future__ import annotations

import sys
from contextlib import suppress

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_raise
from millracer.cli.terminal.stderr import say, say_error
from millracer.domain.run.result import RunResult
from millracer.errors import MillracerError

_SECONDS = 10.0


def offer_gitignore(result: RunResult, common: CommonOptions) -> None:
    """Offer to add the folder of a workspace that the run initialised to `.gitignore`.

    Does nothing where standard input or standard error is not a terminal.
    """
    is_new = any(warning.code == "workspace_initialised" for warning in result.warnings)
    if not (is_new and sys.stdin.isatty() and sys.stderr.isatty()):
        return
    try:
        options = common.options.for_workspace(result.workspace).options
        millrace = common.programs.millrace(result.workspace, options)
        folder = millrace.describe_folder(Wait.for_seconds(_SECONDS, Cancellation()))
        if folder.is_shown_by_git and _agrees(f"Add {folder.name} to .gitignore?"):
            millrace.ignore_folder()
            say(f"added {folder.name} to .gitignore")
    except MillracerError as error:
        say_error(error.message, error.suggested_action)


def _agrees(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    with suppress(Cancelled, OSError, ValueError), signals_raise():
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False
