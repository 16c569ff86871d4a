"""Deliver a message to a command, on its standard input."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.notifications import NotifyTarget
from millracer.errors import MillracerError, ToolNotFound, ToolTimeout
from millracer.notify.delivery import Message, NotDelivered
from millracer.system.processes import Command, run_with_input

#: The command does not get the environment of pi and Millrace, which has the providers' keys.
_VARIABLES = frozenset(
    {
        *("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
        *("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
    }
)
_PREFIXES = ("LC_", "XDG_")
#: Part of the limit, for the end of a command that does not end by itself.
_END_SECONDS = 1.0
#: A program that the command left in the background may keep its outputs.
_LAST_WORDS_SECONDS = 0.5


def run_command(
    target: NotifyTarget, message: Message, environment: Mapping[str, str], limit: Wait
) -> None:
    """Start the command once and wait for its end; its processes are ended at the limit.

    Raises:
        NotDelivered: it could not be started, failed, or did not end in time.
        Cancelled: the caller cancelled; the processes were ended.
    """
    variables = _variables_of(target, environment)
    home = Path(variables.get("HOME", "/"))
    try:
        command = Command(
            tool="notify",
            argv=(os.path.expanduser(target.command[0]), *target.command[1:]),  # noqa: PTH111 - a name is not a path
            cwd=home if home.is_dir() else Path("/"),
            env=variables,
        )
        with tempfile.TemporaryFile() as body:  # a command that does not read cannot block a pipe
            body.write(message.body + b"\n")
            body.seek(0)
            completed = run_with_input(
                command,
                body,
                limit.within(max(0.0, limit.remaining - _END_SECONDS)),
                last_words_seconds=_LAST_WORDS_SECONDS,
            )
    except ToolNotFound as error:
        raise NotDelivered(error.message, is_final=True) from error
    except ToolTimeout as error:
        text = "the command did not end in time and was ended"
        raise NotDelivered(text, is_final=True) from error
    except (MillracerError, OSError) as error:
        raise NotDelivered(str(error)) from error
    if completed.exit_code != 0:
        last = completed.stderr.strip().splitlines()[-1:]
        said = f": {last[0][:200]}" if last else ""
        raise NotDelivered(f"exit code {completed.exit_code}{said}")


def _variables_of(target: NotifyTarget, environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name in _VARIABLES or name.startswith(_PREFIXES) or name == target.secret_variable
    }
