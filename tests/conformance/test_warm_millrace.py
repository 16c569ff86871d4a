"""Each command in use prints and does the same warm and plain, on the real Millrace.

Two workspaces of equally long names live the same life; what must differ (times, generated ids,
process ids, the names themselves) is removed from the output.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from millracer import millrace
from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import WorkItem
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.runner import CommandRunner, PlainRunner
from millracer.millrace.fork_server.client import WarmProcess
from millracer.millrace.fork_server.runner import ForkServerRunner
from millracer.millrace.intake.documents import render_document
from millracer.system import process_table, processes
from millracer.system.processes import Completed
from tests.support.cli import wait_until
from tests.support.workspace import Workspace, make_workspace

_BACKEND = Path(millrace.__file__).parent
#: What runs a command of Millrace, by the names of its functions.
_CALLING = {"call", "checked", "ask", "ask_program", "succeed", "spawn_daemon", "_answer", "_call"}
_NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\d{8}T\d{6,}Z?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8,64}\b"), "HEX"),
    (re.compile(r"(ticks: )\d+"), r"\1TICKS"),
    (re.compile(r"(pid\D{1,4})\d+"), r"\1PID"),
    (re.compile(r"((?:seconds|duration|elapsed)\D{1,6})\d+(\.\d+)?"), r"\1SECONDS"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """One workspace, and how its commands are run."""

    workspace: Workspace
    calls: MillraceCalls
    token: str = field(default_factory=processes.new_token)

    @property
    def root(self) -> Path:
        return self.workspace.root

    def says(self, *arguments: str, in_workspace: bool = True) -> tuple[int, str, str]:
        """Run a command and return its exit code and what it said, without what must differ."""
        completed = self.calls.call(
            *(argument.replace("{root}", str(self.root)) for argument in arguments),
            wait=_wait(),
            in_workspace=in_workspace,
        )
        stderr = self._same(completed.stderr)
        if "Traceback" in stderr:
            # It shows addresses; its last line says what went wrong.
            stderr = "Traceback: " + stderr.rstrip().rpartition("\n")[2]
        return completed.exit_code, self._same(completed.stdout), stderr

    def _same(self, text: str) -> str:
        text = text.replace(str(self.root), "WORKSPACE")
        for pattern, word in _VARYING:
            text = pattern.sub(word, text)
        return text

    def store(self, item_id: str, kind: IntakeKind) -> None:
        """Write an intake document into the workspace."""
        item = WorkItem(item_id=item_id, request_hash="0123456789abcdef" * 4, named=True)
        document = render_document(item, kind, RequestBody(task="Do it"), created_at=_NOW)
        (self.root / f"{item_id}.md").write_text(document.text, encoding="utf-8")

    def is_idle(self) -> bool:
        """Whether the daemon has closed what it did."""
        events = self.workspace.agents / "logs" / "runtime_events.jsonl"
        return "runtime_tick_idle" in events.read_text(encoding="utf-8").rpartition("stage_")[2]

    def run_id(self, item_id: str) -> str:
        """Return the run that did the item."""
        (started,) = {
            Path(call.run_directory).name
            for call in self.workspace.calls()
            if call.item_id == item_id
        }
        return started

    def start_daemon(self) -> int:
        """Start a daemon that writes its log beside the workspace."""
        with self.log.open("ab") as log:
            return self.calls.spawn_daemon(
                *("run", "daemon", "--mode", "default_pi", "--monitor", "none"),
                token=self.token,
                output=log.fileno(),
                wait=_wait(),
            )

    @property
    def log(self) -> Path:
        return self.root.with_name(f"{self.root.name}.log")

    def daemons_words(self) -> str:
        return self._same(self.log.read_text(encoding="utf-8"))


@dataclass(slots=True)
class _Twins:
    plain: _Life
    warm: _Life
    asked: int = 0
    forked: int = 0

    def assert_warm(self) -> None:
        """Every command that was to be warm was: else nothing was compared."""
        assert self.forked == self.asked > 0

    def store(self, item_id: str, kind: IntakeKind) -> None:
        for life in self.both():
            life.store(item_id, kind)

    def both(self) -> tuple[_Life, _Life]:
        return self.plain, self.warm

    def say_the_same_of_one(self, *arguments: str) -> tuple[int, str, str]:
        """Ask both ways of one workspace, where what is listed has an order by random ids."""
        calls = replace(self.warm.calls, runner=self.plain.calls.runner)
        asked = _Twins(replace(self.warm, calls=calls), self.warm)
        self.asked += 1
        return asked.say_the_same(*arguments)

    def say_the_same(self, *arguments: str, in_workspace: bool = True) -> tuple[int, str, str]:
        self.asked += 1
        plain = self.plain.says(*arguments, in_workspace=in_workspace)
        assert self.warm.says(*arguments, in_workspace=in_workspace) == plain, arguments
        return plain


def _wait() -> Wait:
    return Wait.for_seconds(60)


@pytest.fixture
def twins(
    tmp_path: Path, millrace_command: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[_Twins]:
    env = dict(os.environ)
    warm = ForkServerRunner()
    fork = WarmProcess.run

    def counting(self: WarmProcess, *arguments: Any) -> Completed:
        twins.forked += 1
        return fork(self, *arguments)

    monkeypatch.setattr(WarmProcess, "run", counting)

    def life(name: str, runner: CommandRunner) -> _Life:
        workspace = make_workspace(tmp_path / name, millrace_command)
        calls = MillraceCalls(
            argv=(millrace_command,),
            workspace=workspace.root,
            cwd=workspace.root,
            env=env,
            runner=runner,
        )
        return _Life(workspace=workspace, calls=calls)

    twins = _Twins(life("one", PlainRunner()), life("two", warm))
    twins.warm.calls.warm_up()
    try:
        yield twins
    finally:
        warm.close()
        for life in twins.both():
            processes.end_token(life.token, grace_seconds=1)


def test_every_command_in_use_is_compared() -> None:
    used = {
        words
        for path in _BACKEND.rglob("*.py")
        for call in _calls_in(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr in _CALLING
        if (words := _first_words(call.args))
    }
    here = Path(__file__)
    compared = {_first_words(call.args) for call in _calls_in(here)} | {
        _first_words(each.elts) for each in _nodes(here) if isinstance(each, ast.Tuple)
    }

    passing_on = {
        each.name
        for path in _BACKEND.rglob("*.py")
        for each in _nodes(path)
        if isinstance(each, ast.FunctionDef) and each.args.vararg is not None
        if each.args.vararg.arg == "arguments"
    }
    assert passing_on - {"command", "describe"} <= _CALLING  # they return text
    assert used > {("--version",), ("run", "daemon", "--mode"), ("queue", "add-…")}
    assert {
        words for words in used if not any(each[: len(words)] == words for each in compared)
    } == set()


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _calls_in(path: Path) -> Iterator[ast.Call]:
    return (each for each in _nodes(path) if isinstance(each, ast.Call))


def _first_words(arguments: Sequence[ast.expr]) -> tuple[str, ...]:
    """Return the words of a command as far as the source spells them out."""
    if len(arguments) == 1 and isinstance(arguments[0], ast.Starred):
        starred = arguments[0].value
        arguments = starred.elts if isinstance(starred, ast.Tuple) else []
    words: list[str] = []
    for each in arguments:
        match each:
            case ast.Constant(value=str(word)):
                words.append(word)
            case ast.JoinedStr(values=[ast.Constant(value=str(word)), *_]):
                words.append(f"{word}…")
            case _:
                break
    return tuple(words)


def test_questions_and_adds_without_a_daemon(twins: _Twins) -> None:
    for arguments in (("--version",), ("--help",), ("modes", "list")):
        assert twins.say_the_same(*arguments, in_workspace=False)[0] == 0
    for arguments in (
        ("queue", "ls"),
        ("runs", "ls"),
        ("status", "--format", "json"),
        ("compile", "validate", "--mode", "default_pi"),
        ("control", "pause"),
        ("control", "resume"),
        ("control", "clear-stale-state"),
        ("control", "stop"),
    ):
        assert twins.say_the_same(*arguments)[0] == 0, arguments
    for arguments in (
        ("queue", "show", "no-such-item"),
        ("runs", "trace", "no-such-run", "--format", "json"),
        ("compile", "validate", "--mode", "no_such_mode"),
        ("queue", "add-task", "{root}/none.md"),
        ("queue", "ls", "--no-such-option"),
        ("no-such-command",),
    ):
        assert twins.say_the_same(*arguments)[0] != 0, arguments
    for kind in IntakeKind:
        twins.store(f"{kind}-1", kind)
        assert twins.say_the_same("queue", f"add-{kind}", f"{{root}}/{kind}-1.md")[0] == 0
        again = twins.say_the_same("queue", f"add-{kind}", f"{{root}}/{kind}-1.md")
        if kind is IntakeKind.TASK:
            assert "Traceback" in again[2]
        twins.say_the_same("queue", "show", f"{kind}-1")
    twins.assert_warm()


def test_answers_about_a_directory_that_is_not_a_workspace(twins: _Twins) -> None:
    for life in twins.both():
        shutil.rmtree(life.workspace.agents)

    assert twins.say_the_same("queue", "ls")[0] != 0
    assert twins.say_the_same("status", "--format", "json")[0] != 0
    assert twins.say_the_same("init")[0] == 0
    assert twins.say_the_same("queue", "ls")[0] == 0
    twins.assert_warm()


def test_a_daemon_does_the_same_and_is_stopped_the_same_way(twins: _Twins) -> None:
    twins.store("task-1", IntakeKind.TASK)
    twins.say_the_same("queue", "add-task", "{root}/task-1.md")
    daemons = [life.start_daemon() for life in twins.both()]
    for life in twins.both():
        done = life.workspace.agents / "tasks" / "done" / "task-1.md"
        wait_until(done.exists, "the task is done")
        wait_until(lambda life=life: life.is_idle(), "the run is closed")

    assert twins.say_the_same("queue", "show", "task-1")[0] == 0
    assert twins.say_the_same_of_one("runs", "ls")[0] == 0
    run = ("runs", "trace", twins.warm.run_id("task-1"), "--format", "json")
    assert twins.say_the_same_of_one(*run)[0] == 0
    twins.store("task-2", IntakeKind.TASK)
    assert "mailbox" in twins.say_the_same("queue", "add-task", "{root}/task-2.md")[1]
    assert twins.say_the_same("control", "stop")[0] == 0
    for pid in daemons:
        wait_until(lambda pid=pid: process_table.started_at(pid) is None, "the daemon ends")
    assert twins.warm.daemons_words() == twins.plain.daemons_words() != ""
    assert twins.warm.workspace.stages("task-1") == twins.plain.workspace.stages("task-1") != []
    twins.assert_warm()
