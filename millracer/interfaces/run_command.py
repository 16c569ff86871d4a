"""`millracer run`: options in, one run, one document on standard output, an exit code."""

from __future__ import annotations

import sys
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path

from millracer import __version__
from millracer.bootstrap import Settings, open_orchestrator
from millracer.contracts.benchmark_request import BenchmarkRequest, parse_benchmark_request
from millracer.domain.result import RunResult, cancelled_result, exit_code_of, failed_result
from millracer.domain.work import (
    Finalizer,
    IntakePreference,
    Limits,
    PiSession,
    RoutePreference,
    RunRequest,
)
from millracer.errors import ExitCode, InvalidRequest, MillracerError, UsageError
from millracer.interfaces.output import OutputFormat, print_document
from millracer.interfaces.run_options import program
from millracer.interfaces.signals import signals_cancel, signals_raise
from millracer.interfaces.terminal import progress_shown, say
from millracer.waiting import Cancellation, Cancelled

_ALWAYS_TOLD = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line and the environment said, nothing resolved yet."""

    task: tuple[str, ...]
    route: RoutePreference
    intake: IntakePreference
    workspace: Path
    cwd: Path | None
    millrace_mode: str | None
    thinking: str
    provider: str | None
    model: str | None
    skills: tuple[Path, ...]
    no_default_skills: bool
    daemon_timeout_seconds: float
    max_daemon_restarts: int
    poll_interval_seconds: float
    pi_timeout_seconds: float
    keep_daemon: bool
    pi_session: PiSession
    notify_terminal_stages: bool
    pi_command: str
    millrace_command: str
    benchmark_json: bool
    output: OutputFormat
    request_id: str | None
    resume: str | None
    finalizer: Finalizer
    exit_zero: bool
    quiet: bool


def run(options: RunOptions) -> int:
    """Do one run, print its one document, and return the exit code."""
    request_id = options.request_id
    if request_id is None:
        request_id = f"run-{uuid.uuid4().hex}"
    workspace = options.workspace
    try:
        with signals_raise():
            request, workspace = _request(options, request_id)
        result = _perform(options, request, workspace)
    except Cancelled as cancelled:
        result = cancelled_result(request_id, str(workspace), __version__, cancelled.reason)
    except MillracerError as error:
        result = failed_result(request_id, str(workspace), __version__, error)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
        traceback.print_exc(file=sys.stderr)
        result = failed_result(
            request_id,
            str(workspace),
            __version__,
            MillracerError(f"internal error: {type(error).__name__}: {error}"),
        )
    report(result, options.output)
    code = exit_code_of(result)
    return ExitCode.COMPLETED if options.exit_zero and code not in _ALWAYS_TOLD else code


def report(result: RunResult, output: OutputFormat) -> None:
    """Print the one document on standard output; warnings and errors go to standard error."""
    for warning in result.warnings:
        say(f"warning: {warning}")
    for error in result.errors:
        say(f"error: {error.message}")
        if error.suggested_action:
            say(f"  next: {error.suggested_action}")
    print_document(result, output)


def _perform(options: RunOptions, request: RunRequest, workspace: Path) -> RunResult:
    settings = Settings(
        workspace=workspace,
        cwd=workspace if options.cwd is None else _existing(options.cwd, "cwd"),
        millrace=program(options.millrace_command, "--millrace-command"),
        pi=program(options.pi_command, "--pi-command"),
        pi_session=options.pi_session,
        provider=options.provider,
        model=options.model,
        thinking=options.thinking,
        skills=options.skills,
        default_skills=not options.no_default_skills,
        safety_seconds=options.poll_interval_seconds,
    )
    cancellation = Cancellation()
    with (
        signals_cancel(cancellation),
        progress_shown(quiet=options.quiet) as listener,
        open_orchestrator(
            settings, cancellation, listeners=() if listener is None else (listener,)
        ) as orchestrator,
    ):
        return orchestrator.run(request, cancellation)


def _request(options: RunOptions, request_id: str) -> tuple[RunRequest, Path]:
    workspace, intake, scope = options.workspace, options.intake, None
    if options.resume is not None:
        task = _nothing_but_resume(options)
    elif options.benchmark_json:
        legacy = _legacy_request(options)
        task, scope = legacy.task, legacy.scope
        if legacy.intake not in {None, IntakePreference.AUTO}:
            intake = legacy.intake
        workspace = workspace if legacy.workspace is None else Path(legacy.workspace)
    else:
        task = _task(options)
    request = RunRequest(
        task=task,
        request_id=request_id,
        request_id_named=options.request_id is not None,
        scope=scope,
        resume=options.resume,
        route=options.route,
        intake=intake,
        mode=options.millrace_mode,
        finalizer=options.finalizer,
        keep_daemon=options.keep_daemon,
        # A process a turn has no conversation in which a stage could be told.
        notify_terminal_stages=options.notify_terminal_stages
        and options.pi_session is PiSession.RPC,
        limits=Limits(
            daemon_timeout_seconds=options.daemon_timeout_seconds,
            pi_timeout_seconds=options.pi_timeout_seconds,
            max_daemon_restarts=options.max_daemon_restarts,
        ),
    )
    return request, _existing(workspace, "workspace")


def _existing(workspace: Path, field: str) -> Path:
    try:
        resolved = workspace.expanduser().resolve()
        usable = resolved.is_dir()
    except (OSError, RuntimeError, ValueError) as exc:
        raise InvalidRequest(
            f"{field} {str(workspace)!r} cannot be used: {exc}", field=field
        ) from exc
    if not usable:
        raise InvalidRequest(
            f"{field} {resolved} is not a directory",
            field=field,
            suggested_action=f"create the directory or pass another --{field}",
        )
    return resolved


def _nothing_but_resume(options: RunOptions) -> str:
    if options.task or options.benchmark_json:
        raise UsageError(
            "--resume continues a work item and takes no task",
            suggested_action="leave the task and --benchmark-json out",
        )
    if not (options.resume or "").strip():
        raise UsageError("--resume needs a work item id")
    return ""


def _legacy_request(options: RunOptions) -> BenchmarkRequest:
    if options.task:
        raise UsageError(
            "--benchmark-json reads the task from standard input",
            suggested_action="leave the task text out of the command line",
        )
    return parse_benchmark_request(_standard_input())


def _task(options: RunOptions) -> str:
    if options.task:
        task = " ".join(options.task)
    elif sys.stdin.isatty():
        task = ""
    else:
        try:
            task = _standard_input().decode("utf-8").removesuffix("\n")
        except UnicodeDecodeError as exc:
            raise InvalidRequest(
                f"the task on standard input is not UTF-8: {exc.reason} at byte {exc.start}",
                field="task",
            ) from exc
    if not task.strip():
        raise UsageError(
            "there is no task",
            suggested_action='give it as an argument, as in `millracer run "Fix the tests"`, '
            "or on standard input",
        )
    return task


def _standard_input() -> bytes:
    return sys.stdin.buffer.read()
