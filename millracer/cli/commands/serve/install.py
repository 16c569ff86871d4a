"""Print the file with which the user's session starts the server."""

from __future__ import annotations

import os
import plistlib
import shlex
import sys
from pathlib import Path

from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import print_text
from millracer.errors import ExitCode

_LABEL = "millracer.serve"
_UNIT = """\
[Unit]
Description=Millracer: page and HTTP API

[Service]
ExecStart={command}
Environment={path}
SuccessExitStatus=143
Restart=on-failure
KillMode={kill_mode}
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""


def print_unit() -> int:
    """Print a systemd user unit, or on macOS a launchd property list; return the exit code."""
    words = [_program(), *(word for word in sys.argv[1:] if word != "--install")]
    if sys.platform == "darwin":
        print_text(_property_list(words).rstrip("\n"))
        say(
            f"save it as ~/Library/LaunchAgents/{_LABEL}.plist, then run "
            f"`launchctl load ~/Library/LaunchAgents/{_LABEL}.plist`"
        )
        return ExitCode.COMPLETED
    print_text(_unit(words).rstrip("\n"))
    say(
        "save it as ~/.config/systemd/user/millracer.service, then run "
        "`systemctl --user enable --now millracer`; `millracer serve --link` prints the link"
    )
    return ExitCode.COMPLETED


def _program() -> str:
    return str(Path(sys.argv[0]).absolute())


def _unit(words: list[str]) -> str:
    keeps_daemon = "--keep-daemon" in words
    return _UNIT.format(
        command=" ".join(map(_quoted, words)),
        path=_quoted(f"PATH={os.environ.get('PATH', os.defpath)}"),
        kill_mode="process" if keeps_daemon else "mixed",
    )


def _quoted(word: str) -> str:
    """Return a word as a systemd unit takes it."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{escaped}"' if escaped != word or shlex.quote(word) != word else word


def _property_list(words: list[str]) -> str:
    document = {
        "Label": _LABEL,
        "ProgramArguments": words,
        "EnvironmentVariables": {"PATH": os.environ.get("PATH", os.defpath)},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
    }
    return plistlib.dumps(document).decode("utf-8")
