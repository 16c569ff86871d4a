"""The commands that are killed: each started under the trace, each answer a run's result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from millracer.demo.scripted_model import MODEL_ID, PROVIDER
from tests.support.cli import Millracer, Ran, Running
from tests.support.ops_cli import request

_MODULE = "tests.crash.child"
_COMPLETED = "completed · task done, updater UPDATE_COMPLETE"
_MODEL = ("--provider", PROVIDER, "--model", MODEL_ID)


class Command(StrEnum):
    """Which process of Millracer is killed."""

    RUN = "millracer run"
    OPS = "millracer ops --json"
    OPERATOR = "millracer operator"
    SUBMIT = "millracer submit"


class _OpsRunning(Running):
    """`ops --json`, whose result holds the run's."""

    def finish(self) -> Ran:
        ran = Running.finish(self)
        return Ran(ran.exit_code, ran.result["raw_compat"], ran.stderr)


class _OperatorRunning(Running):
    """`operator` on a pipe, which prints how its last delegated turn went."""

    def finish(self) -> Ran:
        stdout, stderr = self.end()
        outcome = "completed" if _COMPLETED in stdout + stderr else "not completed"
        outcome_document = {"outcome": outcome, "work_item_id": None}
        return Ran(self.process.returncode, outcome_document, stdout + stderr)


@dataclass(frozen=True, slots=True)
class Caller:
    """Starts commands in one workspace, in one environment."""

    millracer: Millracer

    def run(self, *arguments: str) -> Running:
        """Start `millracer run`."""
        return self.millracer.start(*_MODEL, *arguments)

    def ops(self, task: str, key: str, *arguments: str) -> Running:
        """Start `millracer ops --json` with a delegated task that has a name."""
        body = request(
            "enqueue",
            route_preference="millrace",
            intake_preference="task",
            options={"finalizer": "summary"},
            workspace_ref={"root_path": str(self.millracer.workspace.root)},
            input={"text": task},
            idempotency_key=key,
        )
        return _OpsRunning(self._start("ops", "--json", *_MODEL, *arguments), body.decode())

    def operator(self, lines: Sequence[str], *arguments: str) -> Running:
        """Start `millracer operator` on a pipe with these lines."""
        root = str(self.millracer.workspace.root)
        process = self._start("operator", "--workspace", root, *_MODEL, *arguments)
        return _OperatorRunning(process, "".join(f"{line}\n" for line in lines))

    def command(self, name: str, *arguments: str) -> Running:
        """Start a command about the queue, which asks no pi and prints one document."""
        root = str(self.millracer.workspace.root)
        words = (name, "--workspace", root, "--json", *arguments)
        return Running(self._start(*words, asks_pi=False), None)

    def _start(self, *arguments: str, asks_pi: bool = True) -> subprocess.Popen[str]:
        tools = (
            *("--millrace-command", self.millracer.millrace),
            *(("--pi-command", self.millracer.pi) if asks_pi else ()),
        )
        return subprocess.Popen(
            (sys.executable, "-m", _MODULE, *arguments, *tools),
            cwd=self.millracer.workspace.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.millracer.environment},
            text=True,
        )


def read(stdout: str) -> dict[str, object] | None:
    """Return the run's result in what was printed, None where that is cut off."""
    try:
        document: dict[str, object] = json.loads(stdout)
    except ValueError:
        return None
    inner = document.get("raw_compat")
    return inner if isinstance(inner, dict) else document
