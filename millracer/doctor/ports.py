"""What the doctor needs from outside: throw-away copies, the programs, and what can be seen."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from millracer.cancellation import Wait
    from millracer.domain.doctor_report import FolderLook, PiModels, StageModel, StoreLook
    from millracer.domain.run_options import RunOptions
    from millracer.errors import RunWarning
    from millracer.ports import Millrace, Pi, SessionStore


class CopiedStore(Protocol):
    """A throw-away copy of the user's session store."""

    @property
    def store(self) -> SessionStore:
        """The copy, as commands use a store."""
        ...

    def copy(self, wait: Wait) -> None:
        """Make the copy; what stands in the way is raised by `look`."""
        ...

    def look(self) -> StoreLook:
        """Return what the store holds.

        Raises:
            StoreUnavailable: commands cannot use it.
        """
        ...


class PiLook(Protocol):
    """One way of starting pi; errors as `millracer.errors`."""

    @property
    def program(self) -> str:
        """The file that is started, or the name it was looked for by."""
        ...

    @property
    def command(self) -> str:
        """What starts it, for a shell."""
        ...

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """What pi warned of when it listed its models."""
        ...

    def find_version(self, wait: Wait) -> tuple[str, tuple[RunWarning, ...]]:
        """Return the version and what is to be known of it, or refuse it."""
        ...

    def find_node(self, wait: Wait) -> str | None:
        """Return the version of its Node, or refuse that; None where it needs none."""
        ...

    def list_models(self, wait: Wait) -> PiModels:
        """Start it, ask for its models and end it."""
        ...


class Surroundings(Protocol):
    """What lies around a run; nothing here changes any of it."""

    @property
    def python_version(self) -> tuple[int, int, int]:
        """The version of the Python that runs us."""
        ...

    def see_processes(self) -> None:
        """Do nothing where processes can be looked up.

        Raises:
            ProcUnavailable: they cannot.
        """
        ...

    def open_new_store(self) -> str:
        """Make a session store in a throw-away folder, and say how it is kept.

        Raises:
            StoreUnavailable: this SQLite cannot hold one.
        """
        ...

    def look_at_state_folder(self) -> FolderLook:
        """Return what can be done with the state folder."""
        ...

    def may_write(self, path: str) -> bool:
        """Whether a folder may be written."""
        ...

    def copied_store(self) -> AbstractContextManager[CopiedStore]:
        """Yield the session store as a copy, not made yet."""
        ...

    def copied_workspace(self, root_path: str, wait: Wait) -> AbstractContextManager[str]:
        """Yield the path of a throw-away copy of what Millrace keeps in a workspace.

        Raises:
            ToolTimeout: it is too large to be copied in time.
            OSError: it cannot be read.
        """
        ...

    def read_stage_models(self, root_path: str) -> tuple[StageModel, ...]:
        """Return the models of a workspace whose mode was just compiled.

        Raises:
            ProtocolError: there is no plan, or it cannot be read.
        """
        ...


class DoctorTools(Protocol):
    """Opens the programs that a run with the same options would use."""

    def millrace(self, root_path: str, options: RunOptions) -> Millrace:
        """Return the Millrace of a workspace."""
        ...

    def pi(self, root_path: str, options: RunOptions) -> Pi:
        """Return a new conversation, not started yet."""
        ...

    def look_at_pi(self, root_path: str, options: RunOptions) -> PiLook:
        """Return the pi of a run in a workspace, to be looked at."""
        ...

    def look_at_stage_pi(
        self, root_path: str, options: RunOptions, compiled: str, model: str | None
    ) -> PiLook:
        """Return the pi of a stage, as Millrace would start it with a model.

        Args:
            root_path: the workspace.
            options: of the run.
            compiled: where its configuration is read, the workspace or a copy.
            model: as the plan names it.
        """
        ...

    def origin(self, tool: str) -> str:
        """Say who named a tool, `pi` or `millrace`."""
        ...
