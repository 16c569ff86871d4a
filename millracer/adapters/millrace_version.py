"""Tells which Millrace is installed, without starting it where its files say so.

A `millrace` call costs a second and more, so the version is read from the installed metadata of the
interpreter that the console script names; only where that cannot be found is `--version` run. Lines
before 0.20 use `click` without asking for it, so an install of theirs may be broken from the start:
that too is seen in the folder. What slips through is recognised by the first call's traceback.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from millracer.adapters.millrace_calls import TOOL, MillraceCalls, useful_line
from millracer.adapters.millrace_text import exception_line, is_broken_install
from millracer.errors import ToolNotFound, ToolUnsupported
from millracer.waiting import Wait

SUPPORTED_RANGE = "0.18.6 to 0.21.x"
INSTALL_HINT = f"install a supported Millrace ({SUPPORTED_RANGE}): pip install millrace-ai==0.21.1"

_OLDEST = (0, 18, 6)
_TOO_NEW = (0, 22)
_NEEDED_MODULES = ("click", "pydantic", "tomlkit", "typer", "watchdog")
_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_DIST_INFO = re.compile(r"millrace_ai-(\d[\w.+!]*)\.dist-info")
_INTERPRETER = re.compile(rb"#!\s*(/\S*python[\d.]*)\s*$")
_EXEC_INTERPRETER = re.compile(rb"'''exec' [\"']?(/[^\"'\n]*python[\d.]*)[\"']? ")


def find_version(calls: MillraceCalls, wait: Wait) -> str:
    """Return the installed version, or refuse it; writes nothing.

    Raises:
        ToolNotFound: there is no such program.
        ToolUnsupported: the version is outside the supported range, or the install is broken.
        ToolTimeout, Cancelled: `--version` had to be run and did not end.
    """
    program = shutil.which(calls.argv[0], path=calls.env.get("PATH", os.defpath))
    if program is None:
        raise ToolNotFound(
            TOOL,
            f"`{calls.argv[0]}` was not found: Millrace is not installed, or not on PATH",
            suggested_action=INSTALL_HINT,
        )
    found = _installed(Path(program)) if len(calls.argv) == 1 else None
    if found is None:
        version = _ask(calls, wait)
        missing: list[str] = []
    else:
        version, missing = found
    if not _is_supported(version):
        raise ToolUnsupported(
            TOOL,
            f"Millrace {version} is not supported; supported is {SUPPORTED_RANGE}",
            detail=version,
            suggested_action=INSTALL_HINT,
        )
    if not missing:
        return version
    # What seems to be missing may lie elsewhere on the interpreter's path: the program knows.
    try:
        return _ask(calls, wait)
    except ToolNotFound as exc:
        raise ToolUnsupported(
            TOOL,
            f"the installed Millrace {version} is broken: it lacks {', '.join(missing)};"
            f" supported is {SUPPORTED_RANGE}",
            detail=version,
            suggested_action=INSTALL_HINT,
        ) from exc


def find_install(calls: MillraceCalls) -> tuple[Path, Path] | None:
    """Return the program's file and its package's `dist-info`; None where files do not tell."""
    program = shutil.which(calls.argv[0], path=calls.env.get("PATH", os.defpath))
    if program is None or len(calls.argv) != 1:
        return None
    folder = _dist_info(Path(program))
    return None if folder is None else (Path(program), folder)


def broken_install(stderr: str) -> ToolUnsupported:
    """Say that Millrace's own install lacks a module, and how to repair it."""
    return ToolUnsupported(
        TOOL,
        f"the installed Millrace is broken: {exception_line(stderr)};"
        f" supported is {SUPPORTED_RANGE}",
        detail=stderr[-4000:],
        suggested_action=INSTALL_HINT,
    )


def _is_supported(version: str) -> bool:
    match = _NUMBERS.match(version)
    if match is None:
        return False
    numbers = (int(match[1]), int(match[2]), int(match[3] or 0))
    return numbers >= _OLDEST and numbers[:2] < _TOO_NEW


def _installed(script: Path) -> tuple[str, list[str]] | None:
    """Return the version beside the script's interpreter and the modules it lacks, if found."""
    found = _dist_info(script)
    match = None if found is None else _DIST_INFO.fullmatch(found.name)
    if found is None or match is None:
        return None
    return match[1], [name for name in _NEEDED_MODULES if not (found.parent / name).is_dir()]


def _dist_info(script: Path) -> Path | None:
    interpreter = _interpreter(script)
    if interpreter is None:
        return None
    for folder in sorted(interpreter.parent.parent.glob("lib/python3*/site-packages")):
        found = [entry for entry in folder.iterdir() if _DIST_INFO.fullmatch(entry.name)]
        if len(found) == 1:
            return found[0]
    return None


def _interpreter(script: Path) -> Path | None:
    """Return the Python a console script starts: its first line, or the line a long path needs."""
    try:
        with script.open("rb") as file:
            first, second = file.readline(4096), file.readline(4096)
    except OSError:
        return None
    match = _INTERPRETER.match(first) or _EXEC_INTERPRETER.match(second)
    return None if match is None else Path(os.fsdecode(match[1]))


def _ask(calls: MillraceCalls, wait: Wait) -> str:
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
