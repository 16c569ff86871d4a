"""One diagnosis: all checks of a machine and a workspace, and their document."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from millracer import __version__
from millracer.cancellation import Cancellation
from millracer.doctor.context import DoctorContext, DoctorPlace
from millracer.doctor.machine import Surroundings
from millracer.doctor.programs import DoctorTools
from millracer.doctor.run_checks import RunningListener, examine
from millracer.domain.doctor_report import Check, is_healthy
from millracer.errors import ConfigInvalid, MillracerError, WorkspaceUnusable
from millracer.operations.context import SelectedWorkspace
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.doctor import (
    DoctorResult,
    DoctorVersionsDocument,
    describe_check,
    describe_trouble,
)
from millracer.schemas.run.document import ToolsDocument
from millracer.wiring.tool_factory import ProgramFactory
from millracer.wiring.user_files import user_config_file, workspace_config_file


def _ignore(_: object) -> None:
    """Report nothing."""


class Diagnosis:
    """Makes the checks once; the result contains those that have ended.

    Args:
        programs: the programs of the caller.
        options: of a run by the same caller.
        find_place: resolves the workspace as a run does.
        user_config: why the user's configuration file cannot be used, None where it can.
    """

    def __init__(
        self,
        programs: ProgramFactory,
        options: OptionLayers,
        find_place: Callable[[SessionMemory], SelectedWorkspace],
        *,
        user_config: ConfigInvalid | None = None,
    ) -> None:
        self._programs = programs
        self._options = options
        self._find_place = find_place
        self._user_config = user_config
        self._context: DoctorContext | None = None
        self.checks: list[Check] = []

    def run(
        self,
        cancellation: Cancellation,
        *,
        with_turn: bool,
        on_check: Callable[[Check], None] = _ignore,
        on_running: RunningListener = _ignore,
    ) -> DoctorResult:
        """Make every check and return the document.

        Args:
            cancellation: stops the checks.
            with_turn: also let pi answer a prompt.
            on_check: receives each check once it and those before it have ended.
            on_running: receives the checks that run, whenever they change.

        Raises:
            WorkspaceUnusable: there is no temporary folder.
            Cancelled: the caller requested a stop.
        """
        with _temporary_folder() as folder:
            self._context = self._open(Path(folder))
            for check in examine(
                self._context, cancellation, with_turn=with_turn, on_running=on_running
            ):
                self.checks.append(check)
                on_check(check)
        return self.result()

    def result(self, error: MillracerError | None = None) -> DoctorResult:
        """Return the document of the checks so far, with the error that ended them."""
        context = self._context
        place = None if context is None else context.place
        versions = {} if context is None else context.versions
        return DoctorResult(
            ok=is_healthy(self.checks) and error is None,
            workspace=None if place is None else place.root_path,
            checks=[describe_check(check) for check in self.checks],
            versions=DoctorVersionsDocument(millracer=__version__, **versions),
            tools=ToolsDocument.of(self._programs.found.used),
            errors=[] if error is None else [describe_trouble(error)],
        )

    def _open(self, folder: Path) -> DoctorContext:
        return DoctorContext(
            surroundings=Surroundings(os.environ, folder),
            tools=DoctorTools(self._programs, folder),
            options=self._options,
            find_place=self._place,
            config_files=_config_files,
            user_config=self._user_config,
        )

    def _place(self, memory: SessionMemory) -> DoctorPlace:
        found = self._find_place(memory)
        return DoctorPlace(root_path=found.root_path, mode=found.mode, warnings=found.warnings)


def examine_place(
    programs: ProgramFactory,
    place: SelectedWorkspace,
    options: OptionLayers,
    cancellation: Cancellation,
    *,
    with_turn: bool,
) -> DoctorResult:
    """Make every check for a known workspace; see `Tools.examine`."""
    diagnosis = Diagnosis(programs, options, lambda _memory: place)
    return diagnosis.run(cancellation, with_turn=with_turn)


@contextmanager
def _temporary_folder() -> Iterator[str]:
    try:
        held = tempfile.TemporaryDirectory(prefix="millracer-doctor-", ignore_cleanup_errors=True)
    except OSError as error:
        raise WorkspaceUnusable(
            f"cannot create a temporary folder: {error.strerror or error}",
            suggested_action="free disk space, or set TMPDIR to another folder",
        ) from error
    with held as folder:
        yield folder


def _config_files(root_path: str) -> tuple[str, ...]:
    files = (user_config_file(), workspace_config_file(root_path))
    return tuple(str(each) for each in files if each is not None and each.is_file())
