"""Find the version of the installed Millrace, from its files if possible.

A `millrace` call costs a second or more, so the version is read from the installed metadata of the
interpreter that the console script names. `--version` is run only if there is none. Versions before
0.20 use `click` without declaring it, so such an install may be broken from the start: the site
folder shows that too. Other broken installs are detected by the first call's traceback.
"""

from __future__ import annotations

import re

from millracer.cancellation import Wait
from millracer.domain.programs import Tool
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.millrace.commands.calls import TOOL, MillraceCalls, useful_line
from millracer.millrace.commands.install import find_install, find_program
from millracer.millrace.wire.traceback import exception_line, is_broken_install

SUPPORTED_RANGE = "0.18.6 to 0.21.x"
INSTALL_HINT = Tool.MILLRACE.install_hint

_OLDEST = (0, 18, 6)
_TOO_NEW = (0, 22)
#: A version number; the length is limited because Python refuses to parse thousands of digits.
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")


def find_version(calls: MillraceCalls, wait: Wait) -> str:
    """Return the installed version, or raise if it is not supported; writes nothing.

    Raises:
        ToolNotFound: the program does not exist.
        ToolUnsupported: the version is outside the supported range, or the install is broken.
        ToolTimeout, Cancelled: `--version` had to be run and did not end.
    """
    if find_program(calls.argv, calls.env) is None:
        raise ToolNotFound(
            TOOL,
            f"`{calls.argv[0]}` was not found{'' if '/' in calls.argv[0] else ' on PATH'}",
            suggested_action=INSTALL_HINT,
        )
    install = find_install(calls.argv, calls.env)
    version = _run_version(calls, wait) if install is None else install.version
    missing = [] if install is None else install.missing_modules
    if not is_supported(version):
        raise ToolUnsupported(
            TOOL,
            f"Millrace {version} is not supported; supported is {SUPPORTED_RANGE}",
            detail=version,
            suggested_action=INSTALL_HINT,
        )
    if not missing:
        return version
    # The missing modules may be elsewhere on the interpreter's path: run the program to find out.
    try:
        return _run_version(calls, wait)
    except ToolNotFound as exc:
        raise ToolUnsupported(
            TOOL,
            f"the installed Millrace {version} is broken: it lacks {', '.join(missing)};"
            f" supported is {SUPPORTED_RANGE}",
            detail=version,
            suggested_action=INSTALL_HINT,
        ) from exc


def broken_install(stderr: str) -> ToolUnsupported:
    """Return the error for a Millrace install that lacks a module."""
    return ToolUnsupported(
        TOOL,
        f"the installed Millrace is broken: {exception_line(stderr)};"
        f" supported is {SUPPORTED_RANGE}",
        detail=stderr[-4000:],
        suggested_action=INSTALL_HINT,
    )


def is_supported(version: str) -> bool:
    """Whether a version is in the supported range."""
    match = _NUMBERS.match(version)
    if match is None:
        return False
    numbers = (int(match[1]), int(match[2]), int(match[3] or 0))
    return numbers >= _OLDEST and numbers[:2] < _TOO_NEW


def _run_version(calls: MillraceCalls, wait: Wait) -> str:
    completed = calls.call("--version", wait=wait, in_workspace=False)
    if is_broken_install(completed.stderr):
        raise broken_install(completed.stderr)
    match = _NUMBERS.search(completed.stdout)
    if completed.exit_code != 0 or match is None:
        raise ToolUnsupported(
            TOOL,
            f"`{calls.argv[0]} --version` does not answer like Millrace: {useful_line(completed)}",
            detail=(completed.stdout + completed.stderr)[-4000:],
            suggested_action=INSTALL_HINT,
        )
    return match.group()
