"""The only place that builds adapters and puts them together; no logic.

Each function imports what it builds, so that a command loads the adapters it uses and no others.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.cancellation import Cancellation, Wait
from millracer.domain.programs import FOUND_UNTOLD, NO_PROGRAMS, ProgramsUsed
from millracer.domain.requests import PiSession
from millracer.domain.run.options import RunOptions
from millracer.errors import UsageError
from millracer.ports import (
    Agent,
    Backend,
    Clock,
    Directories,
    EventLogs,
    ProgressListener,
    Repository,
    SessionStore,
    TextListener,
)
from millracer.ports.event_log import LogListener
from millracer.wiring.attempt_end import NO_REPORTS, AttemptReports
from millracer.wiring.fleet_access import fleet_opener
from millracer.wiring.preload import load_run

if TYPE_CHECKING:
    from millracer.millrace.daemon.log import NewestLog
    from millracer.millrace.fork_server.runner import ForkServerRunner
    from millracer.millrace.status_cache import StatusCache
    from millracer.operations.context import Tools
    from millracer.operations.fleet_access import FleetAccess
    from millracer.operations.ops.gateway import CommandDefaults, OpsGateway
    from millracer.pi.inspection import PiInspection
    from millracer.pi.options import PiOptions
    from millracer.run.orchestrator import Orchestrator
    from millracer.system.server_records import ServerRecords
from millracer.programs.discovery import ResolvedPrograms

_PI_CLOSE_SECONDS = 5.0
_DEFAULTS = RunOptions()


class SystemClock(Clock):
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall clock's time as an aware `datetime` in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a monotonic clock."""
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The programs, directories and options of a run; `workspace` and `cwd` are absolute.

    Attributes:
        millrace: argv of the Millrace program.
        pi: argv of the pi program.
        used: what results report about the programs.
        options: the options of runs; `cwd` above is the resolved one.
        environment: the whole environment of pi and Millrace.
    """

    workspace: Path
    cwd: Path
    millrace: tuple[str, ...] = ("millrace",)
    pi: tuple[str, ...] = ("pi",)
    used: ProgramsUsed = NO_PROGRAMS
    options: RunOptions = _DEFAULTS
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


class BackendFactory:
    """Opens the Millrace of any workspace; thread-safe.

    All of them share one fork server, started by `warm_up` or the first run that needs it.

    Args:
        keep_statuses: use a status cache, for a resident process.
    """

    def __init__(self, *, keep_statuses: bool = False) -> None:
        self._keep_statuses = keep_statuses
        self._lock = threading.Lock()
        self._runner: ForkServerRunner | None = None
        self._kept: StatusCache | None = None

    def open(self, settings: Settings) -> Backend:
        """Return the Millrace of one workspace; nothing is started yet."""
        from millracer.millrace.backend import CliMillrace  # noqa: PLC0415 - see above
        from millracer.millrace.commands.calls import MillraceCalls  # noqa: PLC0415 - see above
        from millracer.millrace.commands.runner import PlainRunner  # noqa: PLC0415 - see above

        return CliMillrace(
            MillraceCalls(
                argv=settings.millrace,
                workspace=settings.workspace,
                cwd=settings.cwd,
                env=settings.environment,
                runner=PlainRunner() if settings.options.no_warm_millrace else self._warm_runner(),
            ),
            safety_seconds=settings.options.poll_interval_seconds,
            is_found=settings.used.millrace is not None
            and settings.used.millrace.origin in FOUND_UNTOLD,
            kept=self._kept_statuses(),
        )

    def warm_up(self, millrace: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start the fork server before the first command is known; never raises.

        Args:
            millrace: argv of the Millrace program.
            environment: the whole environment of the later commands.
        """
        from millracer.millrace.commands.calls import MillraceCalls  # noqa: PLC0415 - see above

        anywhere = Path("/")
        MillraceCalls(
            argv=millrace,
            workspace=anywhere,
            cwd=anywhere,
            env=environment,
            runner=self._warm_runner(),
        ).warm_up()

    def close(self) -> None:
        """End the fork server; never raises, repeatable. Later commands start without it."""
        with self._lock:
            runner = self._runner
        if runner is not None:
            runner.close()

    def _warm_runner(self) -> ForkServerRunner:
        from millracer.millrace.fork_server.runner import ForkServerRunner  # noqa: PLC0415 - see above

        with self._lock:
            if self._runner is None:
                self._runner = ForkServerRunner()
            return self._runner

    def _kept_statuses(self) -> StatusCache | None:
        if not self._keep_statuses:
            return None
        from millracer.millrace.status_cache import StatusCache  # noqa: PLC0415 - see above

        with self._lock:
            if self._kept is None:
                self._kept = StatusCache()
            return self._kept


@contextmanager
def open_orchestrator(  # noqa: PLR0913 - the listeners
    settings: Settings,
    cancellation: Cancellation,
    *,
    backends: BackendFactory | None = None,
    listeners: Sequence[ProgressListener] = (),
    on_text: TextListener | None = None,
    on_log: LogListener | None = None,
    reports: AttemptReports = NO_REPORTS,
) -> Iterator[Orchestrator]:
    """Yield an orchestrator on the real programs; every process it starts ends with the block.

    Args:
        settings: the programs, directories and options.
        cancellation: also shortens the end of the programs.
        backends: shared, and closed by the caller; None: the orchestrator has its own.
        listeners: receive each progress event.
        on_text: receives pi's text as it is streamed.
        on_log: called as the log of the run's item is opened.
        reports: how the end of the run is reported.

    Raises:
        UsageError: a named skill does not exist.
    """
    with ExitStack() as stack:
        load_run()
        settings = replace(settings, environment=reports.environment(settings.environment))
        pi = open_pi(settings)
        if backends is None:
            backends = BackendFactory()
            stack.callback(backends.close)
        yield stack.enter_context(
            orchestrator_until_end(
                backends.open(settings),
                pi,
                cancellation,
                tools=settings.used,
                listeners=listeners,
                on_text=on_text,
                on_log=on_log,
                logs=open_event_logs(str(settings.workspace)),
                reports=reports,
            )
        )


def orchestrator_over(  # noqa: PLR0913 - the listeners
    millrace: Backend,
    pi: Agent,
    *,
    tools: ProgramsUsed,
    listeners: Sequence[ProgressListener] = (),
    on_text: TextListener | None = None,
    on_log: LogListener | None = None,
    logs: EventLogs | None = None,
    reports: AttemptReports = NO_REPORTS,
) -> Orchestrator:
    """Return an orchestrator that uses both; the caller closes them."""
    load_run()
    from millracer.checks.runner import ProcessCheckRunner  # noqa: PLC0415 - see above
    from millracer.run.orchestrator import Orchestrator  # noqa: PLC0415 - see above
    from millracer.schemas.run.result import render_result  # noqa: PLC0415 - see above

    return Orchestrator(
        millrace=millrace,
        pi=pi,
        clock=SystemClock(),
        unique=new_identity,
        repository=open_repository(millrace.workspace),
        check_runner=ProcessCheckRunner(),
        tools=tools,
        listeners=listeners,
        on_text=on_text,
        on_log=on_log,
        logs=logs,
        render=render_result,
        end_listeners=reports.listeners,
        trace=reports.trace,
    )


def open_event_logs(workspace: str) -> EventLogs:
    """Return the event logs of a workspace; nothing is read yet."""
    from millracer.event_log.logs import FileEventLogs  # noqa: PLC0415 - see above
    from millracer.millrace.files.workspace import WorkspacePaths  # noqa: PLC0415 - see above

    return FileEventLogs(WorkspacePaths(Path(workspace)).item_logs)


def open_daemon_log(workspace: str) -> NewestLog:
    """Return the output of the last owned daemon of a workspace; nothing is read yet."""
    from millracer.millrace.daemon.log import NewestLog  # noqa: PLC0415 - see above
    from millracer.millrace.files.workspace import WorkspacePaths  # noqa: PLC0415 - see above

    return NewestLog(WorkspacePaths(Path(workspace)))


def start_watcher(workspace: str, item_id: str, argv: tuple[str, ...]) -> None:
    """Start a program that outlives this process and follows an item.

    Its output goes to `.millracer/logs/watch-<item>.log` in the workspace.

    Raises:
        MillracerError: the workspace cannot be written, or the program cannot be started.
    """
    from millracer.millrace.files.workspace import WorkspacePaths  # noqa: PLC0415 - see above
    from millracer.system.files import unwritable  # noqa: PLC0415 - see above
    from millracer.system.processes import Command, spawn_detached  # noqa: PLC0415 - see above

    paths = WorkspacePaths(Path(workspace))
    paths.make_own()
    log = paths.logs / f"watch-{item_id}.log"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        output = os.open(log, flags, 0o600)
    except OSError as error:
        raise unwritable(log, error) from error
    try:
        spawn_detached(Command(tool="millracer", argv=argv, cwd=paths.root), output)
    finally:
        os.close(output)


def open_server_records() -> ServerRecords:
    """Return the records of running servers in the user's state folder.

    Raises:
        UsageError: the user has no home directory.
    """
    from millracer.system.server_records import ServerRecords  # noqa: PLC0415 - see above
    from millracer.system.user_folders import state_folder  # noqa: PLC0415 - see above

    folder = state_folder(os.environ)
    if folder is None:
        raise UsageError(
            "the user has no home directory for the token of the server",
            suggested_action="set MILLRACER_STATE_DIR to a folder",
        )
    return ServerRecords(folder)


def open_repository(workspace: str) -> Repository:
    """Return the repository of a workspace; nothing is read yet."""
    from millracer.millrace.files.workspace import WorkspacePaths  # noqa: PLC0415 - see above
    from millracer.repository.adapter import GitRepository  # noqa: PLC0415 - see above

    paths = WorkspacePaths(Path(workspace))
    return GitRepository(paths.root, paths.changes)


def open_pi(settings: Settings) -> Agent:
    """Return a conversation with pi, not started yet.

    Raises:
        UsageError: a named skill does not exist.
    """
    options = _pi_options(settings)
    if settings.options.pi_session is PiSession.PRINT:
        from millracer.pi.one_shot import PrintPi  # noqa: PLC0415 - see above

        return PrintPi(options)
    from millracer.pi.rpc import RpcPi  # noqa: PLC0415 - see above

    return RpcPi(options)


def check_pi_options(settings: Settings) -> None:
    """Check that pi can be called with these settings; starts nothing.

    Raises:
        UsageError: a named skill does not exist.
    """
    _pi_options(settings)


@contextmanager
def orchestrator_until_end(  # noqa: PLR0913 - the ports and the listeners
    millrace: Backend,
    pi: Agent,
    cancellation: Cancellation,
    *,
    tools: ProgramsUsed,
    listeners: Sequence[ProgressListener] = (),
    on_text: TextListener | None = None,
    on_log: LogListener | None = None,
    logs: EventLogs | None = None,
    reports: AttemptReports = NO_REPORTS,
) -> Iterator[Orchestrator]:
    """Yield an orchestrator that uses both; the conversation with pi ends with the block.

    Args:
        millrace: the backend.
        pi: the agent.
        cancellation: also shortens the end of the conversation.
        tools: the programs that results report.
        listeners: receive each progress event.
        on_text: receives pi's text as it is streamed.
        on_log: called as the log of the run's item is opened.
        logs: the event logs of the workspace; None: no events are stored.
        reports: how the end of the run is reported.
    """
    try:
        yield orchestrator_over(
            millrace,
            pi,
            tools=tools,
            listeners=listeners,
            on_text=on_text,
            on_log=on_log,
            logs=logs,
            reports=reports,
        )
    finally:
        pi.close(Wait(cancellation).cleaning_up(_PI_CLOSE_SECONDS))


def _pi_options(settings: Settings) -> PiOptions:
    from millracer.pi.options import PiOptions  # noqa: PLC0415 - see above
    from millracer.pi.skills import resolve_skills  # noqa: PLC0415 - see above

    options = settings.options
    return PiOptions(
        argv=settings.pi,
        cwd=settings.cwd,
        env=settings.environment,
        provider=options.provider,
        model=options.model,
        thinking=options.thinking,
        skills=resolve_skills(
            tuple(Path(skill) for skill in options.skill), discover=not options.no_default_skills
        ),
    )


def inspect_pi(settings: Settings, folder: Path) -> PiInspection:
    """Return the pi of a run, for checks.

    Args:
        settings: the settings of the run.
        folder: an empty folder for the files that pi writes.

    Raises:
        UsageError: a named skill does not exist.
    """
    from millracer.pi.inspection import PiInspection  # noqa: PLC0415 - see above

    return PiInspection(_pi_options(settings), folder)


def inspect_stage_pi(settings: Settings, compiled: Path, folder: Path) -> PiInspection:
    """Return the pi of the stages, for checks.

    Args:
        settings: the settings of the run.
        compiled: the workspace or copy whose Millrace configuration defines how pi is started.
        folder: an empty folder for the files that pi writes.

    Raises:
        ProtocolError: Millrace's configuration cannot be read.
    """
    from millracer.millrace.stage_models import read_pi_runner  # noqa: PLC0415 - see above
    from millracer.pi.inspection import PiInspection  # noqa: PLC0415 - see above
    from millracer.pi.options import PiOptions  # noqa: PLC0415 - see above

    runner = read_pi_runner(compiled)
    options = PiOptions(
        argv=(runner.command, *runner.args),
        cwd=settings.cwd,
        env={**settings.environment, **runner.env},
    )
    return PiInspection(options, folder)


@contextmanager
def open_store(environment: Mapping[str, str] | None = None) -> Iterator[SessionStore]:
    """Yield the user's session store; its first use opens or creates it."""
    from millracer.store.legacy_import import legacy_sessions_file  # noqa: PLC0415 - see above
    from millracer.store.sessions import SqliteSessionStore  # noqa: PLC0415 - see above
    from millracer.system.user_folders import state_folder  # noqa: PLC0415 - see above

    variables = os.environ if environment is None else environment
    store = SqliteSessionStore(state_folder(variables), legacy=legacy_sessions_file(variables))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_gateway(
    tools: Tools,
    defaults: CommandDefaults,
    *,
    remembers: bool = True,
    fleet: FleetAccess | None = None,
) -> Iterator[OpsGateway]:
    """Yield the ops gateway with these programs and the user's session store.

    Args:
        tools: pi and Millrace.
        defaults: what requests do not set.
        remembers: whether requests are recorded in their session.
        fleet: the access to the fleet; None: that of the variable, else the default one.
    """
    from millracer.operations.fleet_access import FleetAccess  # noqa: PLC0415 - see above
    from millracer.operations.ops.gateway import OpsGateway  # noqa: PLC0415 - see above
    from millracer.operations.session.memory import SessionMemory  # noqa: PLC0415 - see above

    with open_store() as store:
        yield OpsGateway(
            tools=tools,
            memory=SessionMemory(store),
            directories=open_directories(),
            clock=SystemClock(),
            defaults=defaults,
            remembers=remembers,
            fleet=fleet or FleetAccess(open=fleet_opener(None)),
        )


def new_identity() -> str:
    """Return a new random identity for work without an id from its caller."""
    return os.urandom(16).hex()


def new_request_id() -> str:
    """Return a new request id for a request without one."""
    from millracer.operations.session import request_ids  # noqa: PLC0415 - `--help` does not need it

    return request_ids.new_request_id()


def open_directories() -> Directories:
    """Return the file system's directories."""
    from millracer.millrace.files.directories import DiskDirectories  # noqa: PLC0415 - see above

    return DiskDirectories()


def begin(backends: BackendFactory, programs: ResolvedPrograms) -> None:
    """Start the fork server of the Millrace that was found; never raises."""
    with suppress(UsageError):  # reported when the program is opened
        backends.warm_up(programs.millrace.words, programs.environment())
