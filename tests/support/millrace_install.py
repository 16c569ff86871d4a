"""The files of an installed Millrace: version, program, and what the program does."""

from __future__ import annotations

import sys
from pathlib import Path

_NEEDED_MODULES = ("click", "pydantic", "tomlkit", "typer", "watchdog")


def lay_out(folder: Path, program: Path, *, version: str = "0.21.1") -> Path:
    """Make an environment whose `bin/millrace` runs a program of tests/children; return that."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name in (*_NEEDED_MODULES, "millrace_ai", f"millrace_ai-{version}.dist-info"):
        (packages / name).mkdir(parents=True)
    script = folder / "bin" / "millrace"
    script.parent.mkdir()
    interpreter = script.parent / "python3"
    interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    # The kernel starts no script by another script: the long form of a console script does.
    script.write_text(
        f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n"
        + program.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script


def upgrade(folder: Path, version: str) -> None:
    """Put another version in the place of the one that was laid out."""
    (found,) = folder.glob("lib/python3.11/site-packages/millrace_ai-*.dist-info")
    found.rename(found.with_name(f"millrace_ai-{version}.dist-info"))
