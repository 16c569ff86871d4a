"""Find the version of the installed Millrace, from its files if possible.

A `millrace` call costs a second or more, so the version is read from the installed metadata of the
interpreter that the console script names. `--version` is run only if there is none. Versions before
0.20 use `click` without declaring it, so such an install may be broken from the start: the site
folder shows that too. Other broken installs are detected by the first call's traceback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from millracer.cancellation import Wait
from millracer.domain.programs import TESTED_VERSIONS, Tool
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.millrace.commands.calls import TOOL, MillraceCalls, useful_line
from millracer.millrace.commands.install import find_install, find_program
from millracer.millrace.wire.traceback import exception_line, is_broken_install

SUPPORTED_RANGE = "0.18.6 to 0.21.x"
INSTALL_HINT = Tool.MILLRACE.install_hint

_OLDEST = (0, 18, 6)
_FIRST_WITH_STAGE_MODELS = (0, 20)
#: From here on the package is another program, a router, which knows none of the commands used.
_TOO_NEW = (0, 22)
_ROUTER_USAGE = "usage: millrace router"
_ANOTHER_PROGRAM = "Millrace 0.22 and later is a different program without a queue"
_INSTALL_BESIDE = (
    f"run `millracer setup`, which installs millrace {TESTED_VERSIONS[Tool.MILLRACE]} beside it, "
    f"or name yours with {Tool.MILLRACE.option}"
)
#: A version number; the length is limited because Python refuses to parse thousands of digits.
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version that was found, supported or not.

    Attributes:
        missing_modules: the required modules that its install seems to lack.
    """

    version: str
    missing_modules: tuple[str, ...] = ()


def find_version(calls: MillraceCalls, wait: Wait) -> FoundVersion:
    """Return the installed version; writes nothing.

    Raises:
        ToolNotFound: the program does not exist.
        ToolUnsupported: the program does not print a version of Millrace.
        ToolTimeout, Cancelled: `--version` had to be run and did not end.
    """
    if find_program(calls.argv, calls.env) is None:
        raise ToolNotFound(
            TOOL,
            f"`{calls.argv[0]}` was not found{'' if '/' in calls.argv[0] else ' on PATH'}",
            suggested_action=INSTALL_HINT,
        )
    install = find_install(calls.argv, calls.env)
    if install is None:
        return FoundVersion(_run_version(calls, wait))
    return FoundVersion(install.version, tuple(install.missing_modules))


def require_supported(found: FoundVersion, calls: MillraceCalls, wait: Wait) -> str:
    """Return the version if Millracer supports it and the install is complete.

    Raises:
        ToolUnsupported: the version is outside the supported range, or the install is broken.
        ToolTimeout, Cancelled: `--version` had to be run and did not end.
    """
    version, missing = found.version, found.missing_modules
    if is_another_program(version):
        raise _another_program(f"Millrace {version} is not supported", version)
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
    numbers = _numbers(version)
    return numbers is not None and numbers >= _OLDEST and numbers[:2] < _TOO_NEW


def names_stage_models(version: str) -> bool:
    """Whether the stages of a version name a model; before 0.20, pi selects it."""
    numbers = _numbers(version)
    return numbers is not None and numbers[:2] >= _FIRST_WITH_STAGE_MODELS


def is_another_program(version: str) -> bool:
    """Whether a version is of the router that has the same package and command."""
    numbers = _numbers(version)
    return numbers is not None and numbers[:2] >= _TOO_NEW


def _numbers(version: str) -> tuple[int, int, int] | None:
    match = _NUMBERS.match(version)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def _another_program(what: str, detail: str) -> ToolUnsupported:
    return ToolUnsupported(
        TOOL,
        f"{what}: {_ANOTHER_PROGRAM}; supported is {SUPPORTED_RANGE}",
        detail=detail,
        suggested_action=_INSTALL_BESIDE,
    )


def _run_version(calls: MillraceCalls, wait: Wait) -> str:
    completed = calls.call("--version", wait=wait, in_workspace=False)
    if is_broken_install(completed.stderr):
        raise broken_install(completed.stderr)
    output = completed.stdout + completed.stderr
    if completed.exit_code != 0 and _ROUTER_USAGE in output:
        raise _another_program(f"`{calls.argv[0]}` is not supported", output[-4000:])
    match = _NUMBERS.search(completed.stdout)
    if completed.exit_code != 0 or match is None:
        raise ToolUnsupported(
            TOOL,
            f"`{calls.argv[0]} --version` does not answer like Millrace: {useful_line(completed)}",
            detail=output[-4000:],
            suggested_action=INSTALL_HINT,
        )
    return match.group()
