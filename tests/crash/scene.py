"""What a death happens in: a new workspace, a scripted model, and the command that is run twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.run.prompts import DECISION_MARK, REPORT_MARK
from tests.crash.child import RUN_VARIABLE, VARIABLE
from tests.crash.commands import Caller, Command
from tests.support.cli import Millracer, Running, wait_until
from tests.support.leftovers import carriers
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

TASK = "Mend the widget"
#: A task whose answer is longer than a pipe holds.
LONG_TASK = "Mend the widget, and tell of it at length"
_AT_LENGTH = "at length"
_LENGTH = 300_000
_DECISION = {"decision": "millrace", "intake_kind": "task", "why": "it is work"}
_MARKS = {"the decision": DECISION_MARK, "the closing turn": REPORT_MARK}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """A run that can be interrupted.

    Attributes:
        options: beside those that every run has.
        named: the caller gives it a request id, so that the same command means the same work.
        scenario: what the stages do.
        delegates: whether it creates a work item.
        loses_its_daemon: the daemon is killed while the builder runs.
        is_new: Millrace was never initialised in the workspace.
        has_a_daemon: a foreign daemon runs there before, and has to run afterwards.
        command: the Millracer command.
        task: its task.
        derived: how many more items come of its own.
    """

    name: str
    options: tuple[str, ...]
    named: bool = True
    scenario: Scenario = field(default_factory=Scenario)
    delegates: bool = True
    loses_its_daemon: bool = False
    is_new: bool = False
    has_a_daemon: bool = False
    command: Command = Command.RUN
    task: str = TASK
    derived: int = 0


_NAME = ("--request-id", "crash-1")
_DELEGATED = ("--route", "millrace", "--intake", "task")
#: Where pi's closing turn is not what it is about.
_BRIEF = (*_DELEGATED, "--finalizer", "summary")

NAMED = Situation(name="named", options=_DELEGATED)
PLAIN = Situation(name="without the fork server", options=(*_BRIEF, "--no-warm-millrace"))
UNNAMED = Situation(name="unnamed", options=_BRIEF, named=False)
DECIDED = Situation(name="pi decides", options=())
PRINTED = Situation(name="pi, a process a turn", options=("--pi-session", "print"))
DIRECT = Situation(name="direct", options=("--route", "direct"), delegates=False)
RESTARTED = Situation(
    name="daemon lost",
    options=(*_BRIEF, "--max-daemon-restarts", "2"),
    scenario=Scenario({"builder": (Step(seconds=30), Step())}),
    loses_its_daemon=True,
)
NEW = Situation(name="new workspace", options=_BRIEF, is_new=True)
FOREIGN = Situation(name="foreign daemon", options=_BRIEF, has_a_daemon=True)
SLOW = Situation(name="slow stages", options=_BRIEF, scenario=Scenario(default=Step(seconds=1.5)))
BRIEF = Situation(name="named, brief", options=_BRIEF)
PROBE = Situation(
    name="probe",
    options=("--route", "millrace", "--intake", "probe", "--finalizer", "summary"),
    scenario=Scenario(
        {"recon": (Step(marker="RECON_TO_EXECUTION", seconds=1.5),)}, Step(seconds=1.5)
    ),
    derived=1,
)
LARGE = Situation(name="large answer", options=_DELEGATED, task=LONG_TASK)
OPS = Situation(name="ops", options=(), command=Command.OPS)
OPERATOR = Situation(name="operator", options=_BRIEF, named=False, command=Command.OPERATOR)
#: The item that is submitted is done by the run that follows.
SUBMIT = Situation(name="submit, then run", options=_BRIEF, command=Command.SUBMIT)


class Theatre:
    """Where deaths are played, one after the other: the tools, one model, numbered folders.

    Args:
        folder: holds everything that is made.
    """

    def __init__(self, folder: Path, *, millrace: str, pi: str, model: ScriptedModel) -> None:
        self._folder = folder
        self._millrace = millrace
        self._pi = pi
        self._count = 0
        self.model = model

    def scene(self, situation: Situation) -> Scene:
        """Make new surroundings for one death."""
        self._count += 1
        folder = self._folder / f"{self._count:03}"
        folder.mkdir()
        write_agent_directory(folder / "agent", self.model.base_url)
        workspace = make_workspace(folder / "workspace", self._millrace, situation.scenario)
        if situation.is_new:
            _forget_init(workspace)
        return Scene(
            situation=situation,
            folder=folder,
            workspace=workspace,
            millrace=self._millrace,
            pi=self._pi,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One workspace and home, and the command that is run in them."""

    situation: Situation
    folder: Path
    workspace: Workspace
    millrace: str
    pi: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(
        self,
        log: str,
        *options: str,
        armed: str | None = None,
        victim: str = "millracer",
        resumes: str | None = None,
    ) -> Running:
        """Start the situation's command under a trace, or one that continues an item.

        Without a named item the operator is asked which items are left.
        """
        caller = self.caller(log, armed=armed, victim=victim)
        own, task = (*self.situation.options, *options), self.situation.task
        match self.situation.command:
            case Command.OPS:
                return caller.ops(task, "crash-1", *own)
            case Command.OPERATOR:
                lines = (task,) if resumes is None else (f"/resume {resumes}",)
                return caller.operator(lines, *own)
            case Command.SUBMIT if log == "first":
                return caller.command("submit", "--intake", "task", *_NAME, task)
            case Command.RUN if resumes is not None:
                return caller.run(*options, "--resume", resumes)
            case Command.RUN | Command.SUBMIT:
                return caller.run(*own, *(_NAME if self.situation.named else ()), task)

    def caller(self, log: str, *, armed: str | None = None, victim: str = "millracer") -> Caller:
        """Return what starts commands under a trace."""
        order = {
            "log": str(self.folder / log),
            "armed": armed,
            "victim": victim,
            "workspace": str(self.workspace.root),
            "home": str(self.folder),
        }
        return Caller(
            Millracer(
                self.workspace,
                self.millrace,
                pi=self.pi,
                environment={
                    **agent_environment(self.folder / "agent", self.folder),
                    VARIABLE: json.dumps(order),
                    RUN_VARIABLE: self.token,
                },
                module="tests.crash.child",
            )
        )

    def points(self, log: str) -> list[str]:
        """Return what a command reached, in order, with repetitions."""
        try:
            return (self.folder / log).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []


def _forget_init(workspace: Workspace) -> None:
    """Leave of Millrace's folder what a user may have written before: which runner to use."""
    for path in workspace.agents.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "millrace.toml":
            path.unlink()


@contextmanager
def foreign_daemon(scene: Scene) -> Iterator[None]:
    """Let a foreign daemon run, if the situation has one; it must run at the end."""
    if not scene.situation.has_a_daemon:
        yield
        return
    arguments = ("run", "daemon", "--mode", "default_pi", "--monitor", "none")
    daemon = subprocess.Popen(
        (scene.millrace, *arguments, "--workspace", str(scene.workspace.root)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        snapshot = scene.workspace.agents / "state" / "runtime_snapshot.json"
        wait_until(lambda: '"process_running": true' in snapshot.read_text(), "the daemon boots")
        yield
        assert daemon.poll() is None, "the foreign daemon was ended"
    finally:
        daemon.terminate()
        daemon.wait()
        (scene.workspace.agents / "state" / "runtime_daemon.lock.json").unlink(missing_ok=True)


class Model:
    """Answers every prompt, and can see pi die before it answers one of a kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._token = ""

    def kill_pi_at(self, turn: str, token: str) -> None:
        """End the pi that asks next in this turn, before it is answered."""
        with self._lock:
            self._mark, self._token = _MARKS[turn], token

    def __call__(self, request: ModelRequest) -> Reply:
        with self._lock:
            due = self._mark is not None and self._mark in request.last_user_text
            if due:
                self._mark = None
        if due:
            for process in carriers(RUN_VARIABLE, self._token):
                if process.name() == "pi" or "rpc" in process.cmdline():
                    process.kill()
        if DECISION_MARK in request.last_user_text:
            return Reply.text(json.dumps(_DECISION))
        if _AT_LENGTH in request.last_user_text:
            return Reply.text("done " * (_LENGTH // 5), chunk_size=_LENGTH)
        return Reply.text("It was done.")


@contextmanager
def open_theatre(folder: Path, *, millrace: str, pi: str) -> Iterator[tuple[Theatre, Model]]:
    """Yield where deaths are played, and who answers the prompts there."""
    model = Model()
    with ScriptedModel(model) as served:
        yield Theatre(folder, millrace=millrace, pi=pi, model=served), model
