"""The programs that a run with the same options would use, opened for the doctor."""

from __future__ import annotations

import tempfile
from pathlib import Path

from millracer.domain.run.options import RunOptions
from millracer.pi.inspection import PiInspection
from millracer.ports import Agent, Backend
from millracer.wiring import inspect_pi, inspect_stage_pi
from millracer.wiring.tool_factory import ProgramFactory

_ORIGINS = {
    "option": "the option",
    "environment": "its environment variable",
    "user_file": "your configuration file",
    "setup": "`millracer setup`",
    "path": "PATH",
}


class DoctorTools:
    """Opens the programs of a command line; pi writes to temporary folders.

    Args:
        programs: the programs of the command line.
        folder: an empty folder; the caller removes it.
    """

    def __init__(self, programs: ProgramFactory, folder: Path) -> None:
        self._programs = programs
        self._folder = folder

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        """Return the Millrace of a workspace."""
        return self._programs.millrace(root_path, options)

    def pi(self, root_path: str, options: RunOptions) -> Agent:
        """Return a new conversation, not started yet."""
        return self._programs.agent(root_path, options)

    def inspect_pi(self, root_path: str, options: RunOptions) -> PiInspection:
        """Return the pi of a run in a workspace, for inspection."""
        return inspect_pi(self._programs.settings(root_path, options), self._new_folder())

    def inspect_stage_pi(self, root_path: str, options: RunOptions, compiled: str) -> PiInspection:
        """Return the pi of the stages, as Millrace would start it.

        Args:
            root_path: the workspace.
            options: the options of the run.
            compiled: the workspace or copy whose configuration is read.
        """
        settings = self._programs.settings(root_path, options)
        return inspect_stage_pi(settings, Path(compiled), self._new_folder())

    def origin(self, tool: str) -> str:
        """Return the origin of a program, `pi` or `millrace`, as text."""
        used = self._programs.found.used
        found = used.millrace if tool == "millrace" else used.pi
        return "" if found is None else _ORIGINS[found.origin]

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))
