"""Scripts the small `millrace` of tests/children and returns how it was called."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from millracer.millrace.commands.calls import MillraceCalls

_PROGRAM = Path(__file__).parents[1] / "children" / "fake_millrace.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMillrace:
    """A program with answers, for one workspace."""

    workspace: Path
    script: Path

    @classmethod
    def beside(cls, workspace: Path) -> FakeMillrace:
        """Return one without answers."""
        fake = cls.of(workspace)
        fake.script.write_text("[]", encoding="utf-8")
        return fake

    @classmethod
    def of(cls, workspace: Path) -> FakeMillrace:
        """Return the one that was made for this workspace."""
        return cls(workspace=workspace, script=workspace.with_name(f"{workspace.name}-fake.json"))

    @property
    def calls(self) -> MillraceCalls:
        """What the adapters call it with."""
        return MillraceCalls(
            argv=(sys.executable, "-I", "-S", str(_PROGRAM)),
            workspace=self.workspace,
            cwd=self.workspace,
            env={**os.environ, "FAKE_MILLRACE": str(self.script)},
        )

    @property
    def asked(self) -> list[str]:
        """The calls so far, each without the workspace it names."""
        log = self.script.with_suffix(".log")
        if not log.exists():
            return []
        lines = log.read_text(encoding="utf-8").splitlines()
        return [" ".join(json.loads(line)).partition(" --workspace ")[0] for line in lines]

    def source(self, command: str) -> str:
        """Return a call of the adapter, as facts name it."""
        return f"millrace {command} --workspace {self.workspace}"

    def answers(self, command: str, **answer: object) -> None:
        """Append the answer to a command: `stdout`, `stderr`, `exit_code`, `seconds`, `moves`."""
        answers = json.loads(self.script.read_text(encoding="utf-8"))
        answers.append({"argv": command.split(" "), **answer})
        self.script.write_text(json.dumps(answers), encoding="utf-8")

    def replays(self, command: str, recorded: Path) -> None:
        """Append an answer that was recorded from the real program."""
        answer = json.loads(recorded.read_text(encoding="utf-8"))
        self.answers(
            command,
            stdout=answer["stdout"].replace("/workspace", str(self.workspace)),
            stderr=answer["stderr"],
            exit_code=answer["exit_code"],
        )

    def shows(self, item_id: str, kind: str, state: str, path: Path, **more: object) -> None:
        """Answer `queue show` for an item."""
        stdout = (
            f"work_item_id: {item_id}\nwork_item_kind: {kind}\nwork_item_state: {state}\n"
            f"path: {path}\ntitle: A title\n"
        )
        self.answers(f"queue show {item_id}", stdout=stdout, **more)

    def holds_nothing(self, **more: object) -> None:
        """Answer any other `queue show` with not found."""
        self.answers("queue show", stdout="error: work item not found: x\n", exit_code=1, **more)
