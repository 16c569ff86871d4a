"""Read the record of `millracer setup`'s installations; starts no process and creates no file.

Every command reads it first, so this module must not load pydantic models.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millracer.domain.programs import InstalledTool, Tool
from millracer.system.user_folders import data_folder

if TYPE_CHECKING:
    from millracer.programs.plan import Part


DATA_VARIABLE = "MILLRACER_DATA_DIR"

#: The record's name in the tools folder, and the format version that is read here.
RECORD_NAME = "installed.json"
RECORD_VERSION = "millracer.tools.v1"


def tools_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the tools folder, absolute; it need not exist. None without a home directory.

    Args:
        environment: `MILLRACER_DATA_DIR` in it overrides the platform's user data folder.
    """
    folder = data_folder(environment, DATA_VARIABLE)
    return None if folder is None else folder / "tools"


def read_installed(environment: Mapping[str, str]) -> dict[Tool, InstalledTool]:
    """Return each tool that setup recorded and that exists; never raises.

    A tool that was removed in another way, or whose interpreter is gone, is left out.
    """
    folder = tools_folder(environment)
    if folder is None:
        return {}
    entries = read_record(folder)
    found: dict[Tool, InstalledTool] = {}
    for tool in Tool:
        with suppress(ValueError):  # an impossible path
            installed = _read_entry(entries.get(tool, {}), environment)
            if installed is not None:
                found[tool] = installed
    return found


def read_record(folder: Path) -> dict[str, dict[str, Any]]:
    """Return setup's record of each part; empty if it cannot be read."""
    try:
        record = json.loads((folder / RECORD_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(record, dict) or record.get("schema_version") != RECORD_VERSION:
        return {}
    entries = record.get("tools")
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}


def render_record(entries: Mapping[Part, Mapping[str, Any]]) -> str:
    """Return the record of these parts in the format that `read_record` reads."""
    return json.dumps({"schema_version": RECORD_VERSION, "tools": entries}, indent=2) + "\n"


def _read_entry(entry: dict[str, Any], environment: Mapping[str, str]) -> InstalledTool | None:
    version, program, folder = (entry.get(name) for name in ("version", "program", "folder"))
    interpreter = entry.get("interpreter")
    argv: tuple[str, ...]
    if not (isinstance(version, str) and isinstance(program, str) and isinstance(folder, str)):
        return None
    if interpreter is None:
        argv = (program,)
    else:
        found = _find_interpreter(str(interpreter), environment)
        if found is None:
            return None
        argv = (found, program)
    is_usable = os.access(program, os.R_OK if interpreter else os.X_OK)
    return InstalledTool(version=version, argv=argv, folder=folder) if is_usable else None


def _find_interpreter(recorded: str, environment: Mapping[str, str]) -> str | None:
    """Return the recorded interpreter; if it is gone, the machine's one of that name on PATH."""
    if os.access(recorded, os.X_OK):
        return recorded
    return shutil.which(Path(recorded).name, path=environment.get("PATH", os.defpath))


def installed_tools() -> Mapping[Tool, InstalledTool]:
    """Return setup's installations that still exist; never raises."""
    return read_installed(os.environ)
