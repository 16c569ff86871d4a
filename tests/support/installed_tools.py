"""What `millracer setup` leaves, without the tools: programs that say their version."""

from __future__ import annotations

import json
from pathlib import Path

from millracer.domain.programs import InstalledTool, Tool
from millracer.programs.installed import RECORD_NAME, RECORD_VERSION


def record_installed(
    data: Path, *, pi: Path | None = None, interpreter: str = "/bin/sh"
) -> dict[Tool, InstalledTool]:
    """Write both tools and the record of them below a data folder.

    Args:
        data: the user's data folder.
        pi: a program to take for pi; without it, one is written.
        interpreter: what starts pi.
    """
    tools = data / "tools"
    millrace, own_pi = tools / "millrace" / "bin" / "millrace", tools / "pi" / "cli.js"
    for program, version in ((millrace, "0.21.1"), (own_pi, "0.73.1")):
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
    pi = pi or own_pi
    millrace.chmod(0o755)
    entries: dict[str, dict[str, str | None]] = {
        "millrace": {
            "version": "0.21.1",
            "program": str(millrace),
            "interpreter": None,
            "folder": str(millrace.parent),
        },
        "pi": {
            "version": "0.73.1",
            "program": str(pi),
            "interpreter": interpreter,
            "folder": str(tools / "pi" / "launch"),
        },
    }
    (tools / RECORD_NAME).write_text(
        json.dumps({"schema_version": RECORD_VERSION, "tools": entries}), encoding="utf-8"
    )
    return {
        Tool.MILLRACE: InstalledTool(
            version="0.21.1", argv=(str(millrace),), folder=str(millrace.parent)
        ),
        Tool.PI: InstalledTool(
            version="0.73.1", argv=(interpreter, str(pi)), folder=str(tools / "pi" / "launch")
        ),
    }
