"""The `millracer` command as a caller meets it: a process, its one document, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.workspace import Workspace

_LIMIT_SECONDS = 150


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended; standard output held exactly one JSON document."""

    exit_code: int
    result: dict[str, Any]
    stderr: str

    @property
    def warning_codes(self) -> list[str]:
        """The codes of the result's warnings, in order."""
        return [warning.split(":", 1)[0] for warning in self.result["warnings"]]

    @property
    def error_codes(self) -> list[str]:
        """The codes of the result's errors, in order."""
        return [error["code"] for error in self.result["errors"]]


@dataclass(slots=True)
class Millracer:
    """Runs `millracer run --output json` in one workspace with the given tools.

    `module` may be another program that is called like `millracer`, and `before` one that runs it.
    """

    workspace: Workspace
    millrace: str
    pi: str = "no-pi-is-needed"
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "millracer"
    before: tuple[str, ...] = ()

    def run(self, *arguments: str, stdin: str | None = None) -> Ran:
        """Run one command to its end."""
        return self.start(*arguments, stdin=stdin).finish()

    def start(self, *arguments: str, stdin: str | None = None, command: str = "run") -> Running:
        """Start one command and return at once."""
        process = subprocess.Popen(
            (
                *self.before,
                sys.executable,
                *("-m", self.module, command, "--output", "json"),
                *("--workspace", str(self.workspace.root)),
                *("--millrace-command", self.millrace, "--pi-command", self.pi),
                *arguments,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
            text=True,
        )
        return Running(process, stdin)

    def delegate(self, task: str, *arguments: str) -> Ran:
        """Run one forced task without any pi."""
        return self.run(*FORCED, *arguments, task)

    def delegate_scoped(self, item_id: str, task: str, *arguments: str) -> Ran:
        """Run one forced task that is named by its entry in an outside queue."""
        request = {"task": task, "scoped_work_item": {"item_id": item_id, "source_queue": "Q.md"}}
        return self.run(*FORCED, *arguments, "--request-json", stdin=json.dumps(request))

    def millrace_says(self, *arguments: str) -> str:
        """Ask Millrace itself, past the product."""
        completed = subprocess.run(
            (self.millrace, *arguments, "--workspace", str(self.workspace.root)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        return completed.stdout


#: Options of a delegated task that needs no pi.
FORCED = ("--route", "millrace", "--intake", "task", "--finalizer", "summary")


@dataclass(slots=True)
class Running:
    """A command that has not ended."""

    process: subprocess.Popen[str]
    stdin: str | None = None

    def send(self, number: signal.Signals) -> None:
        """Signal the command alone."""
        self.process.send_signal(number)

    def finish(self) -> Ran:
        """Wait for the end and read the one document."""
        stdout, stderr = self.end()
        try:
            result = json.loads(stdout)
        except ValueError:
            raise AssertionError(f"no JSON on standard output: {stdout!r}\n{stderr}") from None
        return Ran(self.process.returncode, result, stderr)

    def end(self) -> tuple[str, str]:
        """Wait for the end, also of one that is killed, and return both outputs."""
        try:
            return self.process.communicate(self.stdin, timeout=_LIMIT_SECONDS)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens by itself, for at most a minute."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, f"it never happened: {what}"
        time.sleep(0.05)


def daemon_pid(workspace: Workspace) -> int | None:
    """Return the pid in Millrace's lock file, None without one."""
    lock = workspace.agents / "state" / "runtime_daemon.lock.json"
    try:
        pid: int = json.loads(lock.read_text(encoding="utf-8"))["owner_pid"]
    except (OSError, ValueError):
        return None
    return pid


def stored(workspace: Workspace, item_id: str) -> Path | None:
    """Return where Millrace holds a task, by its files, read past the product."""
    found = [
        path
        for path in (workspace.agents / "tasks").rglob("*.md")
        if path.name == f"{item_id}.md" or path.name.startswith(f"{item_id}.")
    ]
    assert len(found) <= 1, found
    return found[0] if found else None
