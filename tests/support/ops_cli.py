"""`millracer ops` and its relatives as a caller meets them: processes, one document, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pexpect

from tests.support.forked_command import start_command
from tests.support.operator_cli import plain

_LIMIT_SECONDS = 150

#: Fields that make `enqueue` delegate a task without any pi.
DELEGATED: dict[str, Any] = {
    "route_preference": "millrace",
    "intake_preference": "task",
    "options": {"finalizer": "summary"},
}


@dataclass(frozen=True, slots=True)
class Printed:
    """How one command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        try:
            document: dict[str, Any] = json.loads(self.stdout)
        except ValueError:
            message = f"not one JSON document: {self.stdout!r}\n{self.stderr}"
            raise AssertionError(message) from None
        return document

    @property
    def error_codes(self) -> list[str]:
        """The codes of the result's errors, in order."""
        return [error["code"] for error in self.document["errors"]]

    @property
    def warning_codes(self) -> list[str]:
        """The codes of the result's warnings, in order."""
        return [warning["code"] for warning in self.document["warnings"]]


@dataclass(frozen=True, slots=True)
class Running:
    """A command that has not ended."""

    process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def says(self, text: bytes, *, closes: bool = False) -> None:
        """Write to standard input, which is read meanwhile if it is more than a pipe holds."""
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()
        if closes:
            self.process.stdin.close()
            self.process.stdin = None

    def send(self, number: signal.Signals) -> None:
        """Signal the command alone."""
        self.process.send_signal(number)

    def finish(self, stdin: bytes | None = None) -> Printed:
        """Send the rest of standard input, close it and wait for the end."""
        try:
            stdout, stderr = self.process.communicate(stdin, timeout=_LIMIT_SECONDS)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        return Printed(self.process.returncode, stdout.decode(), stderr.decode())


@dataclass(slots=True, kw_only=True)
class OpsCaller:
    """Starts `millracer` in one directory with a store of its own.

    Attributes:
        state: the store's folder.
        options: common options of every `ops` call.
        parent: words before the command, such as those of `tests.support.parents`.
        forks: whether commands are forked from a server instead of started with Python.
    """

    cwd: Path
    state: Path
    options: tuple[str, ...] = ()
    forks: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    parent: tuple[str, ...] = ()

    def start(self, *arguments: str, **environment: str) -> Running:
        """Start any command and return at once."""
        variables = {"MILLRACER_STATE_DIR": str(self.state), **self.environment, **environment}
        return Running(
            start_command(
                arguments,
                cwd=self.cwd,
                env={**os.environ, **variables},
                forks=self.forks,
                parent=self.parent,
            )
        )

    def run(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Printed:
        """Run any command to its end."""
        return self.start(*arguments, **environment).finish(stdin)

    def show(self, *arguments: str, columns: int = 80) -> tuple[int | None, str]:
        """Run a command on a terminal; return its exit code and what it showed, as plain text."""
        child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "millracer", *arguments],
            cwd=str(self.cwd),
            env={
                **os.environ,
                "MILLRACER_STATE_DIR": str(self.state),
                **self.environment,
                "TERM": "xterm-256color",
            },
            dimensions=(40, columns),
            encoding="utf-8",
            timeout=_LIMIT_SECONDS,
        )
        try:
            said = child.read()
        finally:
            child.close(force=True)
        return child.exitstatus, plain(said)

    def send(self, body: bytes, *arguments: str) -> Printed:
        """Send a body to `ops --json`."""
        return self.run("ops", "--json", *self.options, *arguments, stdin=body)

    def ask(self, action: str, *arguments: str, **fields: Any) -> Printed:
        """Send a request to `ops --json`."""
        return self.send(request(action, **fields), *arguments)

    def session(self, session_id: str) -> dict[str, Any]:
        """Return what a session remembers, by `inspect_session`."""
        printed = self.ask("inspect_session", metadata={"session_id": session_id})
        found: dict[str, Any] = printed.document["result"]["session"]
        return found


def request(action: str, **fields: Any) -> bytes:
    """Return a small valid request with some fields changed."""
    return json.dumps(
        {
            "schema_version": "millracer.ops.v0.2",
            "request_id": "req-1",
            "action": action,
            "workspace_ref": {},
            "source": {"kind": "test"},
            **fields,
        }
    ).encode()
