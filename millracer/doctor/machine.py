"""The machine that a run works on, for the checks; all writes go to a temporary folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from millracer.cancellation import Wait
from millracer.doctor.store_copy import CopiedStore, inspect_state_folder, open_new_store
from millracer.doctor.workspace_copy import copy_workspace
from millracer.domain.doctor_report import FolderReport
from millracer.domain.models import StageModels
from millracer.millrace.stage_models import read_stage_models
from millracer.system.proc import refuse_unseen


class Surroundings:
    """Read-only access to the machine that a run works on.

    Args:
        environment: environment variables that locate the user's files.
        folder: an empty folder; the caller removes it.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    @property
    def python_version(self) -> tuple[int, int, int]:
        """The version of the running Python."""
        return sys.version_info[:3]

    def see_processes(self) -> None:
        """Check that the system shows the processes.

        Raises:
            ProcUnavailable: it does not.
        """
        refuse_unseen()

    def open_new_store(self) -> str:
        """Create a session store in a temporary folder; return a description of its storage.

        Raises:
            StoreUnavailable: this SQLite cannot hold one.
        """
        return open_new_store(self._new_folder())

    def inspect_state_folder(self) -> FolderReport:
        """Return the state and permissions of the state folder."""
        return inspect_state_folder(self._environment)

    def may_write(self, path: str) -> bool:
        """Whether a folder may be written, by its permissions and its file system."""
        return os.access(path, os.W_OK | os.X_OK)

    @contextmanager
    def copied_store(self) -> Iterator[CopiedStore]:
        """Yield the copy of the session store, not made yet."""
        copied = CopiedStore(self._environment, self._new_folder())
        try:
            yield copied
        finally:
            copied.close()

    @contextmanager
    def copied_workspace(self, root_path: str, wait: Wait) -> Iterator[str]:
        """Yield the path of a temporary copy of a workspace's Millrace files.

        Raises:
            ToolTimeout: they are too large to be copied in time.
            OSError: they cannot be read.
        """
        into = self._new_folder()
        copy_workspace(Path(root_path), into, wait)
        yield str(into)

    def read_stage_models(self, root_path: str) -> StageModels:
        """Return the models of a workspace whose mode was just compiled.

        Raises:
            ProtocolError: there is no plan, or it cannot be read.
        """
        return read_stage_models(Path(root_path))

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder)).resolve()
