"""The context of one doctor run: its inputs, and what earlier checks found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from millracer.cancellation import Wait
from millracer.doctor.machine import Surroundings
from millracer.doctor.programs import DoctorTools
from millracer.doctor.store_copy import CopiedStore
from millracer.domain.models import AgentModels, StageModels
from millracer.domain.work.modes import ModeChoice, choose_mode
from millracer.domain.work.runtime import RunningDaemon, RuntimeStatus
from millracer.errors import ConfigInvalid, RunWarning
from millracer.operations.options import Merged, OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.pi.inspection import PiInspection
from millracer.ports import Backend

#: The directory for questions that need no workspace, when there is none.
_ANYWHERE = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorPlace:
    """The workspace a run would work in, and the mode that was selected with it."""

    root_path: str
    mode: str | None = None
    warnings: tuple[RunWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMode:
    """A mode that compiled, in a copy of the workspace.

    Attributes:
        copy: path of the copy.
        resolve: returns a mode's id with aliases resolved.
    """

    choice: ModeChoice
    copy: str
    resolve: Callable[[str], str]
    stage_models: StageModels


@dataclass(slots=True, kw_only=True)
class DoctorContext:
    """The context of the checks: what they read, and what earlier checks found.

    Args:
        surroundings: everything but the programs.
        tools: the programs.
        options: of a run with the same options.
        find_place: resolves the workspace as a run does.
        user_config: why the user's configuration file cannot be used, None where it can.
        config_files: returns the existing configuration files that apply in a workspace.

    Attributes:
        here: the options of a run in the workspace, as far as its file could be read.
    """

    surroundings: Surroundings
    tools: DoctorTools
    options: OptionLayers
    find_place: Callable[[SessionMemory], DoctorPlace]
    config_files: Callable[[str], tuple[str, ...]]
    user_config: ConfigInvalid | None = None
    place: DoctorPlace | None = None
    status: RuntimeStatus | None = None
    daemon: RunningDaemon | None = None
    models: AgentModels | None = None
    mode: CompiledMode | None = None
    here: Merged = field(init=False)
    versions: dict[str, str] = field(default_factory=dict)
    _copies: ExitStack | None = None
    _store: CopiedStore | None = None
    _memory: SessionMemory | None = None
    _millrace: Backend | None = None
    _pi: PiInspection | None = None

    def __post_init__(self) -> None:
        """Use the options without the workspace's file until that file is read."""
        self.here = self.options.anywhere

    def begin(self, copies: ExitStack) -> None:
        """Keep the copies until the stack is closed."""
        self._copies = copies

    @property
    def copies(self) -> ExitStack:
        """The stack that removes the copies."""
        assert self._copies is not None  # noqa: S101 - `begin` comes first
        return self._copies

    @property
    def root_path(self) -> str:
        """The directory in which programs are asked."""
        return _ANYWHERE if self.place is None else self.place.root_path

    @property
    def mode_choice(self) -> ModeChoice:
        """The mode of a run unless pi names one, and its origin."""
        selected = None if self.place is None else self.place.mode
        session = selected or self.here.session_mode
        return choose_mode(caller=self.here.named_mode, session=session, pi=None)

    def store(self, wait: Wait) -> CopiedStore:
        """Return the copy of the session store; the first call makes it."""
        if self._store is None:
            self._store = self.copies.enter_context(self.surroundings.copied_store())
            self._store.copy(wait)
        return self._store

    def memory(self, wait: Wait) -> SessionMemory:
        """Return best-effort access to the copied session store."""
        if self._memory is None:
            self._memory = SessionMemory(self.store(wait).store)
        return self._memory

    def millrace(self) -> Backend:
        """Return the workspace's Millrace.

        Raises:
            UsageError, InvalidRequest: it cannot be called with these options.
        """
        if self._millrace is None or self._millrace.workspace != self.root_path:
            self._millrace = self.tools.millrace(self.root_path, self.here.options)
        return self._millrace

    def pi(self) -> PiInspection:
        """Return the pi of a run.

        Raises:
            UsageError, InvalidRequest: it cannot be started with these options.
        """
        if self._pi is None:
            self._pi = self.tools.inspect_pi(self.root_path, self.here.options)
        return self._pi
