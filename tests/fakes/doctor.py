"""The doctor's inputs, as plain values that a test changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from millracer.cancellation import Wait
from millracer.doctor.machine import Surroundings
from millracer.doctor.programs import DoctorTools
from millracer.doctor.store_copy import CopiedStore
from millracer.domain.doctor_report import FolderReport, StoreReport
from millracer.domain.models import AgentModels, AliasModel, Model, StageModel, StageModels
from millracer.domain.run.options import RunOptions
from millracer.errors import MillracerError, RunWarning
from millracer.pi.inspection import PiInspection
from millracer.ports import Agent, Backend, SessionStore
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from tests.fakes.store import InMemorySessionStore

_T = TypeVar("_T")

LARGE = Model(provider="stub", model_id="large")
MODELS = AgentModels(
    selected=LARGE,
    usable=(LARGE, Model(provider="stub", model_id="small"), Model(provider="other", model_id="x")),
)
STAGES = StageModel(
    runner="pi_rpc",
    model="stub/small",
    alias="standard",
    thinking="high",
    stages=("builder", "checker"),
)


@dataclass(slots=True)
class ScriptedStore(CopiedStore):
    """A store that is, or is not, what commands can use."""

    found: StoreReport | MillracerError = field(default_factory=lambda: StoreReport(exists=True))
    sessions: SessionStore = field(default_factory=InMemorySessionStore)
    copied: int = 0

    @property
    def store(self) -> SessionStore:
        return self.sessions

    def copy(self, wait: Wait) -> None:
        del wait
        self.copied += 1

    def inspect(self) -> StoreReport:
        return _given(self.found)


@dataclass(slots=True)
class ScriptedSurroundings(Surroundings):
    """A machine on which everything is well, until a test says otherwise."""

    python: tuple[int, int, int] = (3, 12, 1)
    unseen: MillracerError | None = None
    new_store: str | MillracerError = "SQLite 3.51.3, journal mode wal"
    state: FolderReport = field(
        default_factory=lambda: FolderReport(path="/home/me/state", exists=True)
    )
    writable: bool = True
    store: ScriptedStore = field(default_factory=ScriptedStore)
    stages: tuple[StageModel, ...] | MillracerError = (STAGES,)
    aliases: tuple[AliasModel, ...] = ()
    copies: int = 0
    open_copies: int = 0
    copy_error: Exception | None = None

    @property
    def python_version(self) -> tuple[int, int, int]:
        return self.python

    def see_processes(self) -> None:
        if self.unseen is not None:
            raise self.unseen

    def open_new_store(self) -> str:
        return _given(self.new_store)

    def inspect_state_folder(self) -> FolderReport:
        return self.state

    def may_write(self, path: str) -> bool:
        del path
        return self.writable

    @contextmanager
    def copied_store(self) -> Iterator[CopiedStore]:
        yield self.store

    @contextmanager
    def copied_workspace(self, root_path: str, wait: Wait) -> Iterator[str]:
        del root_path, wait
        if self.copy_error is not None:
            raise self.copy_error
        self.copies += 1
        self.open_copies += 1
        try:
            yield f"/throw-away/{self.copies}"
        finally:
            self.open_copies -= 1

    def read_stage_models(self, root_path: str) -> StageModels:
        assert root_path.startswith("/throw-away/")
        return StageModels(mode="lad_pi", stages=_given(self.stages), aliases=self.aliases)


@dataclass(slots=True)
class ScriptedInspection(PiInspection):
    """One pi under inspection."""

    version: str | MillracerError = "0.73.1"
    warnings: tuple[RunWarning, ...] = ()
    node: str | MillracerError | None = "24.19.0"
    models: AgentModels | MillracerError = MODELS
    warned: tuple[RunWarning, ...] = ()
    on_node: Callable[[], None] = lambda: None
    started: int = 0
    resolved: list[str | None] = field(default_factory=list)
    resolution: Model | MillracerError | None = LARGE

    @property
    def program(self) -> str:
        return "/opt/pi/bin/pi"

    @property
    def command(self) -> str:
        return self.program

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return self.warned

    def find_version(self, wait: Wait) -> tuple[str, tuple[RunWarning, ...]]:
        del wait
        return _given(self.version), self.warnings

    def find_node(self, wait: Wait) -> str | None:
        del wait
        self.on_node()
        return None if self.node is None else _given(self.node)

    def list_models(self, wait: Wait) -> AgentModels:
        del wait
        self.started += 1
        return _given(self.models)

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        del provider, wait
        self.resolved.append(model)
        return self.resolution if self.resolution is None else _given(self.resolution)


@dataclass(slots=True)
class ScriptedDoctorTools(DoctorTools):
    """One Millrace for the workspace and another for its copies, and two pis to inspect."""

    backends: ScriptedBackend = field(default_factory=ScriptedBackend)
    copied: ScriptedBackend = field(default_factory=ScriptedBackend)
    conversation: ScriptedAgent = field(default_factory=lambda: ScriptedAgent("ready"))
    inspection: ScriptedInspection = field(default_factory=ScriptedInspection)
    stage_inspection: ScriptedInspection = field(default_factory=ScriptedInspection)
    refusal: MillracerError | None = None

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        del options
        if self.refusal is not None:
            raise self.refusal
        return self.copied if root_path.startswith("/throw-away/") else self.backends

    def pi(self, root_path: str, options: RunOptions) -> Agent:
        del root_path, options
        return self.conversation

    def inspect_pi(self, root_path: str, options: RunOptions) -> PiInspection:
        del root_path, options
        return self.inspection

    def inspect_stage_pi(self, root_path: str, options: RunOptions, compiled: str) -> PiInspection:
        del root_path, options
        assert compiled.startswith("/throw-away/")
        return self.stage_inspection

    def origin(self, tool: str) -> str:
        return f"PATH for {tool}"


def _given(value: _T | MillracerError) -> _T:
    if isinstance(value, MillracerError):
        raise value
    return value
