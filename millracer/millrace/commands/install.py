"""Find an installed Millrace by its files (console script, interpreter, metadata); start nothing.

Only a plain install is found: a console script that names its interpreter in its first line, and
one Millrace in the site folder beside that interpreter. A wrapper, a user install or an editable
install is not found.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NEEDED_MODULES = ("click", "pydantic", "tomlkit", "typer", "watchdog")
_DIST_INFO = re.compile(r"millrace_ai-(\d[\w.+!]*)\.dist-info")
_INTERPRETER = re.compile(rb"#!\s*(/\S*python[\d.]*)\s*$")
_EXEC_INTERPRETER = re.compile(rb"'''exec' [\"']?(/[^\"'\n]*python[\d.]*)[\"']? ")
_ENTRY_POINT = re.compile(r"([\w.]+)\s*:\s*(\w+)[\w.]*")
_SCRIPTS = "console_scripts"

#: Inode, size and time of change (ns) of a file or folder.
FileStamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceInstall:
    """One installed Millrace.

    Attributes:
        script: the path of the console script, as it is started.
        interpreter: the Python interpreter that the script names.
        site: the folder that contains the package.
        metadata: the package's `dist-info` folder.
        version: the installed version.
    """

    script: Path
    interpreter: Path
    site: Path
    metadata: Path
    version: str

    @property
    def missing_modules(self) -> list[str]:
        """The required modules that the site folder lacks; they may be elsewhere on the path."""
        return [name for name in _NEEDED_MODULES if not (self.site / name).is_dir()]

    def entry_module(self) -> str | None:
        """Return the module that the console script imports, None if it cannot be determined.

        The metadata must name the script's entry point, the script must import exactly that, and
        the module must be in the site folder.
        """
        parser = configparser.RawConfigParser(delimiters=("=",))
        try:
            parser.read_string((self.metadata / "entry_points.txt").read_text(encoding="utf-8"))
            value = parser.get(_SCRIPTS, self.script.name, fallback="")
            script = self.script.read_text(encoding="utf-8")
        except (OSError, ValueError, configparser.Error):
            return None
        entry = _ENTRY_POINT.fullmatch(value.strip())
        if entry is None:
            return None
        module, name = entry.groups()
        imports = re.search(rf"^from {re.escape(module)} import {name}$", script, re.MULTILINE)
        is_here = (self.site / module.partition(".")[0]).is_dir()
        return module if imports and is_here else None

    def stamp(self) -> tuple[FileStamp, ...] | None:
        """Return a stamp that changes with every install here, None while a file is missing.

        Every install or removal adds or removes an entry of the site folder.
        """
        record = self.metadata / "RECORD"
        try:
            return tuple(
                (status.st_ino, status.st_size, status.st_mtime_ns)
                for status in map(
                    os.stat, (self.script, self.interpreter, self.site, self.metadata, record)
                )
            )
        except OSError:
            return None


def find_program(argv: Sequence[str], env: Mapping[str, str]) -> Path | None:
    """Return the executable of a command's first word, None if there is none."""
    program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    return None if program is None else Path(program)


def find_install(argv: Sequence[str], env: Mapping[str, str]) -> MillraceInstall | None:
    """Return the Millrace install of a program, None if its files do not show one."""
    script = find_program(argv, env)
    if script is None or len(argv) != 1:
        return None
    interpreter = _read_interpreter(script)
    if interpreter is None:
        return None
    for site in sorted(interpreter.parent.parent.glob("lib/python3*/site-packages")):
        found = [match for name in _list_names(site) if (match := _DIST_INFO.fullmatch(name))]
        if len(found) == 1:
            return MillraceInstall(
                script=script,
                interpreter=interpreter,
                site=site,
                metadata=site / found[0][0],
                version=found[0][1],
            )
    return None


def _list_names(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir()]
    except OSError:
        return []


def _read_interpreter(script: Path) -> Path | None:
    """Return a console script's interpreter from line 1, or line 2 if the path is long."""
    try:
        with script.open("rb") as file:
            first, second = file.readline(4096), file.readline(4096)
    except OSError:
        return None
    match = _INTERPRETER.match(first) or _EXEC_INTERPRETER.match(second)
    return None if match is None else Path(os.fsdecode(match[1]))
