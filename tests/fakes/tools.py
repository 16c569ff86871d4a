"""pi and Millrace for ops requests: the scripted ones, or a run that has ended already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from millracer import __version__
from millracer.cancellation import Cancellation
from millracer.domain.doctor_report import Check, CheckName, Finding, is_healthy
from millracer.domain.programs import ProgramsUsed, ProgramUsed, ToolOrigin
from millracer.domain.requests import RunRequest
from millracer.domain.run.options import RunOptions
from millracer.domain.run.result import RunResult
from millracer.errors import MillracerError
from millracer.event_log.logs import FileEventLogs
from millracer.operations.context import SelectedWorkspace, Tools
from millracer.operations.options import OptionLayers
from millracer.ports import (
    Agent,
    Backend,
    CertificateKeys,
    CheckRunner,
    EventLogs,
    ProgressListener,
    Repository,
    TextListener,
)
from millracer.ports.event_log import LogListener
from millracer.run.orchestrator import Orchestrator
from millracer.schemas.doctor import DoctorResult, DoctorVersionsDocument, describe_check
from millracer.schemas.run.document import ToolsDocument
from millracer.schemas.run.result import render_result
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.checks import ScriptedCheckRunner
from millracer.testing.clock import FrozenClock
from millracer.testing.repository import ScriptedRepository
from tests.fakes.keys import ScriptedKeys

_USED = ProgramsUsed(
    millrace=ProgramUsed(command="millrace", origin=ToolOrigin.PATH),
    pi=ProgramUsed(command="/opt/pi/bin/pi", origin=ToolOrigin.ENVIRONMENT),
)


_PYTHON = Check(name=CheckName.PYTHON, finding=Finding(message="Python 3.11.2"))
_TURN = Check(name=CheckName.PI_TURN, finding=Finding(message="pi answered"))


@dataclass(slots=True)
class ScriptedTools(Tools):
    """Opens one scripted pi and Millrace, whatever the workspace.

    Attributes:
        result: what a run comes to; None: what the orchestrator makes of the scripts.
        run_error: what a run breaks off with.
        refusal: why nothing can be opened.
        checks: what a diagnosis finds.
        opened: the requested workspaces and choices.
        requests: the requested runs.
        in_use: how many orchestrators are open.
        listeners: receive each progress event of a run.
        on_text: receives pi's text.
        on_log: called as the log of a run's item is opened.
        logs: the event logs of runs; None: no events are stored.
        certificate_keys: the keys of certificates.
        checker: runs checks.
    """

    backends: ScriptedBackend = field(default_factory=ScriptedBackend)
    pi: ScriptedAgent = field(default_factory=ScriptedAgent)
    repositories: ScriptedRepository = field(default_factory=ScriptedRepository)
    result: RunResult | None = None
    run_error: BaseException | None = None
    refusal: MillracerError | None = None
    checks: list[Check] = field(default_factory=lambda: [_PYTHON])
    opened: list[tuple[str, RunOptions]] = field(default_factory=list)
    requests: list[RunRequest] = field(default_factory=list)
    in_use: int = 0
    listeners: tuple[ProgressListener, ...] = ()
    on_text: TextListener | None = None
    on_log: LogListener | None = None
    logs: EventLogs | None = None
    certificate_keys: CertificateKeys = field(default_factory=ScriptedKeys)
    checker: ScriptedCheckRunner = field(default_factory=ScriptedCheckRunner)

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        self._open(root_path, options)
        return self.backends

    def repository(self, root_path: str) -> Repository:
        return self.repositories

    def event_logs(self, root_path: str) -> EventLogs:
        return self.logs or FileEventLogs(Path(root_path) / ".millracer" / "items")

    def keys(self) -> CertificateKeys:
        return self.certificate_keys

    def check_runner(self) -> CheckRunner:
        return self.checker

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        return self.pi

    def examine(
        self,
        place: SelectedWorkspace,
        options: OptionLayers,
        cancellation: Cancellation,
        *,
        with_turn: bool,
    ) -> DoctorResult:
        del options
        cancellation.raise_if_cancelled()
        checks = [*self.checks, _TURN] if with_turn else self.checks
        return DoctorResult(
            ok=is_healthy(checks),
            workspace=place.root_path,
            checks=[describe_check(check) for check in checks],
            versions=DoctorVersionsDocument(millracer=__version__, python="3.11.2"),
            tools=ToolsDocument.of(_USED),
        )

    @contextmanager
    def orchestrator(
        self,
        root_path: str,
        options: RunOptions,
        cancellation: Cancellation,
        *,
        trace_ref: str | None = None,
    ) -> Iterator[Orchestrator]:
        self._open(root_path, options)
        self.in_use += 1
        try:
            yield _Noting(self)
        finally:
            self.in_use -= 1

    def _open(self, root_path: str, options: RunOptions) -> None:
        self.opened.append((root_path, options))
        if self.refusal is not None:
            raise self.refusal


class _Noting(Orchestrator):
    def __init__(self, tools: ScriptedTools) -> None:
        super().__init__(
            millrace=tools.backends,
            pi=tools.pi,
            clock=FrozenClock(),
            unique=lambda: "unique",
            repository=tools.repositories,
            tools=_USED,
            listeners=tools.listeners,
            on_text=tools.on_text,
            on_log=tools.on_log,
            logs=tools.logs,
            render=render_result,
        )
        self._tools = tools

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        self._tools.requests.append(request)
        if self._tools.run_error is not None:
            raise self._tools.run_error
        return self._tools.result or super().run(request, cancellation)
