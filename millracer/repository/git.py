"""Run git in a workspace so that it writes nothing there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolFailed
from millracer.system import processes
from millracer.system.processes import Command, Completed

TOOL = "git"
#: The folders of Millrace and Millracer.
OWN_FOLDERS = ("millrace-agents", ".millracer")
#: A measurement leaves them out.
PATHSPEC = (".", *(f":(exclude){folder}" for folder in OWN_FOLDERS))
#: Settings with which git starts no other program and writes to the given folders only. A clean
#: filter of git-lfs would store a copy of the file in the repository.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "core.safecrlf=false",
    "advice.addEmbeddedRepo=false",
    "filter.lfs.clean=",
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
)
#: Git reads objects and parents as their ids say. Replace refs, which a fetch can bring, and grafts
#: would show another tree, other content or another history under the same id.
_TRUE_OBJECTS = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": "/dev/null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git in one workspace.

    Attributes:
        workspace: the working directory of every call.
        environment: the whole environment of every call.
        variables: git's repository variables, such as `GIT_INDEX_FILE`.
    """

    workspace: Path
    environment: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    def call(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command, with any exit code.

        Raises:
            ToolNotFound, ToolFailed, ToolTimeout, Cancelled: as `processes.run`.
        """
        settings = tuple(word for setting in _SETTINGS for word in ("-c", setting))
        command = Command(
            tool=TOOL,
            argv=(TOOL, "--no-pager", *settings, *arguments),
            cwd=self.workspace,
            env={
                **self.environment,
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_NO_LAZY_FETCH": "1",
                # Older versions of git ignore that: no remote starts a program or is connected to.
                "GIT_ALLOW_PROTOCOL": "",
                "LC_ALL": "C.UTF-8",
            },
            git={**_TRUE_OBJECTS, **self.variables},
        )
        return processes.run(command, wait)

    def output(self, *arguments: str, wait: Wait) -> str:
        """Run one command that must succeed, and return its output.

        Raises:
            ToolFailed: the exit code is not 0; the message has git's own words.
            ToolNotFound, ToolTimeout, Cancelled: as `call`.
        """
        completed = self.call(*arguments, wait=wait)
        if completed.exit_code != 0:
            raise refusal(completed)
        return completed.stdout


def refusal(completed: Completed) -> ToolFailed:
    """Return the error for a failed call."""
    lines = [line.strip() for line in completed.stderr.splitlines() if line.strip()]
    words = lines[0].removeprefix("fatal: ") if lines else f"exit code {completed.exit_code}"
    return ToolFailed(TOOL, f"git failed: {words}", suggested_action="run `git status` there")
