"""Record what the reference (`millracer==0.2.0`) answers to the requests of the golden files.

    python -m tests.recording.ops_reference --reference PYTHON

PYTHON is an interpreter that has the reference installed. Each request is sent to its
`millracer ops --json` in a home and a workspace of its own, with small programs of the tests in the
place of pi and Millrace; so no model and no credentials are needed. Paths, times and ids are
replaced by names. The answers go to fixtures/ops/reference-0.2.0.json, which a test compares with.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.fake_millrace import FakeMillrace
from tests.support.ops_cases import (
    ABSENT,
    CASES,
    HERE,
    NOWHERE,
    WORKSPACE,
    Case,
)

ROOT = Path(__file__).resolve().parents[2]

VERSION = "0.2.0"
TARGET = ROOT / "fixtures" / "ops" / f"reference-{VERSION}.json"
CALL_SECONDS = 60
_PI = ROOT / "tests" / "children" / "pi_recalling.py"
_RECORDED = ROOT / "fixtures" / "millrace" / "0.21.1"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_INTAKE_ID = re.compile(r"\b(task|probe|idea)-\d{14}-[a-z0-9-]+")

#: The status of its Millrace once delegated work has ended so.
_ENDINGS: Mapping[str, Mapping[str, object]] = {
    "": {},
    ABSENT: {},
    "drained": {},
    "arbiter": {"planning_status_marker": "### ARBITER_COMPLETE"},
    "blocked": {"blocked_idle": True, "current_failure_class": "builder_blocked"},
}


def main() -> int:
    """Record every case the reference can be asked; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", metavar="PYTHON", required=True)
    python = parser.parse_args().reference
    asked = (python, "-c", "import importlib.metadata as m; print(m.version('millracer'))")
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if found != VERSION:
        print(f"{python} has millracer {found}, not {VERSION}", file=sys.stderr)
        return 2
    answers = {case.name: record(python, case) for case in CASES if case.reference is not None}
    document = {
        "reference": f"millracer=={VERSION}",
        "recorded_by": "tests/recording/ops_reference.py",
        "cases": answers,
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(answers)} answers in {TARGET.relative_to(ROOT)}")
    return 0


def record(python: str, case: Case) -> dict[str, Any]:
    """Return the exit code, the result (null: none) and the words on standard error."""
    with tempfile.TemporaryDirectory(prefix="millracer-reference-") as temporary:
        machine = Machine(python, Path(temporary).resolve(), case.reference or "")
        for earlier in case.before:
            machine.ask(json.dumps(earlier).encode(), stream=False)
        completed = machine.ask(case.raw, stream=case.stream)
        stdout = machine.shown(completed.stdout)
        return {
            "exit_code": completed.returncode,
            "result": json.loads(stdout) if stdout else None,
            "stderr": machine.shown(completed.stderr),
        }


class Machine:
    """A home, a directory to run in, and a workspace whose Millrace has ended its work."""

    def __init__(self, python: str, root: Path, ending: str) -> None:
        self._python = python
        self._root = root
        self._names = {str(root / "work"): WORKSPACE, str(root / "here"): HERE, str(root): "/root"}
        for name in ("home", "here", "work"):
            (root / name).mkdir()
        fake = FakeMillrace.beside(root / "work")
        for command in ("init", "compile", "queue", "control", "run"):
            fake.answers(command)
        for elsewhere in (NOWHERE, str(root / "here")):
            fake.replays(f"status --workspace {elsewhere}", _RECORDED / "status-uninitialised.json")
        fresh = json.loads((_RECORDED / "status-fresh.json").read_text(encoding="utf-8"))
        status = {**json.loads(fresh["stdout"]), **_ENDINGS[ending]}
        fake.answers("status", stdout=json.dumps(status | {"workspace": str(root / "work")}))
        self._millrace = self._program("millrace", fake.calls.argv)
        if ending == ABSENT:
            Path(self._millrace).unlink()
        self._pi = self._program("pi", (sys.executable, str(_PI)))
        self._environment = {
            "HOME": str(root / "home"),
            "PATH": os.environ["PATH"],
            "FAKE_MILLRACE": str(fake.script),
        }

    def ask(self, raw: bytes, *, stream: bool) -> subprocess.CompletedProcess[bytes]:
        """Send one request whose paths are replaced by this machine's."""
        for path, name in self._names.items():
            raw = raw.replace(f'"{name}"'.encode(), json.dumps(path).encode())
        return subprocess.run(
            (
                *(self._python, "-m", "millracer", "ops", "--no-default-skills"),
                "--stream-json" if stream else "--json",
                *("--millrace-command", self._millrace, "--pi-command", self._pi),
                *("--poll-interval-seconds", "0.1"),
            ),
            cwd=self._root / "here",
            env=self._environment,
            input=raw,
            capture_output=True,
            timeout=CALL_SECONDS,
            check=False,
        )

    def shown(self, text: bytes) -> str:
        """Replace what differs from machine to machine and from call to call."""
        shown = text.decode()
        for path, name in self._names.items():
            shown = shown.replace(path, name)
        return _INTAKE_ID.sub("<id>", _TIME.sub("<time>", shown))

    def _program(self, name: str, argv: tuple[str, ...]) -> str:
        path = self._root / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n', encoding="utf-8")
        path.chmod(0o700)
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
