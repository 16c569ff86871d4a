"""The programs a command line names, opened for a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.domain.operations import load
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.errors import InvalidRequest, UsageError
from millracer.programs.discovery import ResolvedPrograms
from millracer.wiring import (
    BackendFactory,
    Settings,
    begin,
    check_pi_options,
    open_check_runner,
    open_event_logs,
    open_keys,
    open_orchestrator,
    open_pi,
    open_repository,
    orchestrator_over,
    orchestrator_until_end,
)
from millracer.wiring.attempt_end import open_attempt_reports
from millracer.wiring.preload import load_run

if TYPE_CHECKING:
    from millracer.cancellation import Cancellation
    from millracer.domain.requests import RunRequest
    from millracer.domain.run.options import RunOptions
    from millracer.domain.run.result import RunResult
    from millracer.operations.context import SelectedWorkspace, TaskRunner
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
    from millracer.schemas.doctor import DoctorResult

#: Makes the checks of a diagnosis. They use the wiring, so they are named, as in the table of
#: operations, and imported when they are used.
EXAMINE = "millracer.doctor.diagnosis:examine_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFactory:
    """Opens the pi and Millrace that the command line names, for requests and for the operator.

    Attributes:
        found: the programs.
        listeners: receive each progress event of a run.
        on_text: receives pi's text and tool calls while it does a task directly.
        on_log: called as the log of a run's item is opened.
        on_result: called with the options and the result of each run.
        backends: opens each Millrace, until `close`.
    """

    found: ResolvedPrograms
    listeners: tuple[ProgressListener, ...] = ()
    on_text: TextListener | None = None
    on_log: LogListener | None = None
    on_result: Callable[[RunOptions, RunResult], None] | None = None
    backends: BackendFactory = field(default_factory=BackendFactory, repr=False, compare=False)

    def warm_up(self, options: RunOptions) -> None:
        """Start the fork server before the first command is known; never raises."""
        if not options.no_warm_millrace:
            begin(self.backends, self.found)

    def close(self) -> None:
        """End the processes that the opened Millraces started; never raises."""
        self.backends.close()

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        """Return the Millrace of a workspace."""
        return self.backends.open(self.settings(root_path, options))

    def orchestrator(
        self,
        root_path: str,
        options: RunOptions,
        cancellation: Cancellation,
        *,
        trace_ref: str | None = None,
    ) -> AbstractContextManager[TaskRunner]:
        """Yield an orchestrator on the named programs, for one run."""
        settings = self.settings(root_path, options)
        opened = open_orchestrator(
            settings,
            cancellation,
            backends=self.backends,
            listeners=self.listeners,
            on_text=self.on_text,
            on_log=self.on_log,
            reports=open_attempt_reports(trace_ref),
        )
        return opened if self.on_result is None else _observed(opened, options, self.on_result)

    def repository(self, root_path: str) -> Repository:
        """Return the repository of a workspace."""
        return open_repository(root_path)

    def keys(self) -> CertificateKeys:
        """Return the user's keys of certificates."""
        return open_keys()

    def check_runner(self) -> CheckRunner:
        """Return the runner of the caller's checks."""
        return open_check_runner()

    def event_logs(self, root_path: str) -> EventLogs:
        """Return the event logs of a workspace."""
        return open_event_logs(root_path)

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        """Return a new conversation, not started yet."""
        return open_pi(self.settings(root_path, options))

    def examine(
        self,
        place: SelectedWorkspace,
        options: OptionLayers,
        cancellation: Cancellation,
        *,
        with_turn: bool,
    ) -> DoctorResult:
        """Check whether a run with the named programs would work in a workspace."""
        result: DoctorResult = load(EXAMINE)(
            self, place, options, cancellation, with_turn=with_turn
        )
        return result

    def over(
        self,
        millrace: Backend,
        pi: Agent,
        listeners: Sequence[ProgressListener],
        on_text: TextListener | None,
        on_log: LogListener | None,
    ) -> Orchestrator:
        """Return an orchestrator that uses both, for one run."""
        return orchestrator_over(
            millrace,
            pi,
            tools=self.found.used,
            listeners=listeners,
            on_text=on_text,
            on_log=on_log,
            logs=open_event_logs(millrace.workspace),
            reports=open_attempt_reports(),
        )

    def check(self, root_path: str, options: RunOptions) -> None:
        """Check that both programs can be called with these options; starts nothing.

        Raises:
            UsageError: a program's command cannot be parsed, or a named skill does not exist.
            InvalidRequest: the working directory is not a directory.
        """
        check_pi_options(self.settings(root_path, options))

    def settings(self, root_path: str, options: RunOptions) -> Settings:
        """Return the settings from which the adapters are built.

        Raises:
            UsageError: a program's command cannot be parsed.
            InvalidRequest: the working directory is not a directory.
        """
        workspace = Path(root_path)
        return Settings(
            workspace=workspace,
            cwd=workspace if options.cwd is None else existing(Path(options.cwd), "cwd"),
            millrace=self.found.millrace.words,
            pi=self.found.pi.words,
            used=self.found.used,
            options=options,
            environment=self.found.environment(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFactory:
    """Opens the backend and the agent that two functions return, such as scripted ones.

    Attributes:
        backends: returns the backend of a workspace.
        agents: returns a new conversation for a run in a workspace.
        used: the programs that results report.
        listeners: receive each progress event of a run.
        on_text: receives the agent's text and tool calls while it does a task directly.
        on_log: called as the log of a run's item is opened.
        logs: opens the event logs of a workspace; None: no events are stored.
    """

    backends: Callable[[str, RunOptions], Backend]
    agents: Callable[[str, RunOptions], Agent]
    used: ProgramsUsed = NO_PROGRAMS
    listeners: tuple[ProgressListener, ...] = ()
    on_text: TextListener | None = None
    on_log: LogListener | None = None
    logs: Callable[[str], EventLogs | None] | None = None

    def millrace(self, root_path: str, options: RunOptions) -> Backend:
        """Return the backend of a workspace."""
        return self.backends(root_path, options)

    def repository(self, root_path: str) -> Repository:
        """Return the repository of a workspace."""
        return open_repository(root_path)

    def keys(self) -> CertificateKeys:
        """Return the user's keys of certificates."""
        return open_keys()

    def check_runner(self) -> CheckRunner:
        """Return the runner of the caller's checks."""
        return open_check_runner()

    def event_logs(self, root_path: str) -> EventLogs | None:
        """Return the event logs of a workspace; None: no events are stored."""
        return None if self.logs is None else self.logs(root_path)

    def agent(self, root_path: str, options: RunOptions) -> Agent:
        """Return a new conversation, not started yet."""
        return self.agents(root_path, options)

    def examine(
        self,
        place: SelectedWorkspace,
        options: OptionLayers,
        cancellation: Cancellation,
        *,
        with_turn: bool,
    ) -> DoctorResult:
        """Refuse: there are no programs whose installation could be checked.

        Raises:
            UsageError: always, unless the caller requested a stop.
            Cancelled: the caller requested a stop.
        """
        del place, options, with_turn
        cancellation.raise_if_cancelled()
        raise UsageError(
            "a diagnosis needs real programs; this caller has functions in their place",
            suggested_action="ask for a diagnosis without `backends` and `agents`",
        )

    def orchestrator(
        self,
        root_path: str,
        options: RunOptions,
        cancellation: Cancellation,
        *,
        trace_ref: str | None = None,  # noqa: ARG002 - scripted programs have no environment
    ) -> AbstractContextManager[Orchestrator]:
        """Yield an orchestrator on the backend and a new conversation."""
        load_run()
        pi = self.agents(root_path, options)
        return orchestrator_until_end(
            self.backends(root_path, options),
            pi,
            cancellation,
            tools=self.used,
            listeners=self.listeners,
            on_text=self.on_text,
            on_log=self.on_log,
            logs=self.event_logs(root_path),
        )


@dataclass(frozen=True, slots=True)
class _ObservedRuns:
    """Runs tasks, and reports the result of each."""

    runs: TaskRunner
    on_result: Callable[[RunResult], None]

    def run(self, request: RunRequest, cancellation: Cancellation) -> RunResult:
        """Run one task to its end and return its result."""
        result = self.runs.run(request, cancellation)
        self.on_result(result)
        return result


@contextmanager
def _observed(
    opened: AbstractContextManager[Orchestrator],
    options: RunOptions,
    on_result: Callable[[RunOptions, RunResult], None],
) -> Iterator[TaskRunner]:
    with opened as orchestrator:
        yield _ObservedRuns(orchestrator, lambda result: on_result(options, result))


def existing(path: Path, field: str) -> Path:
    """Return an existing directory's absolute path.

    Raises:
        InvalidRequest: it is not a directory; `field` is the caller's name for it.
    """
    action = f"create the directory or pass another --{field}"
    if field == "workspace":
        action += "; `millracer workspaces list` lists the registered ids"
    try:
        resolved = path.expanduser().resolve()
        usable = resolved.is_dir()
    except (OSError, RuntimeError, ValueError) as exc:
        raise InvalidRequest(
            f"{field} {str(path)!r} cannot be used: {exc}", field=field, suggested_action=action
        ) from exc
    if not usable:
        raise InvalidRequest(
            f"{field} {resolved} is not a directory", field=field, suggested_action=action
        )
    return resolved
