"""`millracer demo`: one complete run in a temporary folder with a scripted model."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.commands.run.report import report
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import OutputFormat
from millracer.demo.workspace import DemoWorkspace, prepare_demo
from millracer.domain.requests import IntakeKind, IntakePreference, RoutePreference, RunRequest
from millracer.domain.run.options import RunOptions
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.operations.task import result_of
from millracer.programs.discovery import ResolvedPrograms
from millracer.wiring import Settings, open_orchestrator


def demo(found: ResolvedPrograms, *, intake: IntakeKind, output: OutputFormat) -> int:
    """Run the demo, print its document and return the exit code of the run.

    Args:
        found: the programs.
        intake: the intake kind that the scripted model chooses.
        output: format of the document.
    """
    load_endings()
    request_id = f"demo-{uuid.uuid4().hex}"
    cancellation = Cancellation()

    def work() -> RunResult:
        millrace, pi = found.millrace.words, found.pi.words
        with tempfile.TemporaryDirectory(prefix="millracer-demo-") as directory:
            say(f"A scripted model, real pi and real Millrace in {directory} (removed at the end)")
            with prepare_demo(Path(directory), millrace, pi, intake) as prepared:
                say(f"The task: {prepared.task}")
                return _run(prepared, found, request_id, cancellation)

    result = completed(work, lambda error: result_of(error, request_id, ""))
    report(replace(result, show_command=None), output)  # the workspace is removed
    return exit_code_of(result)


def _run(
    prepared: DemoWorkspace,
    found: ResolvedPrograms,
    request_id: str,
    cancellation: Cancellation,
) -> RunResult:
    settings = Settings(
        workspace=prepared.root,
        cwd=prepared.root,
        millrace=found.millrace.words,
        pi=found.pi.words,
        used=found.used,
        options=RunOptions(provider="scripted", model="scripted-model", no_default_skills=True),
        environment={**found.environment(), **prepared.environment},
    )
    request = RunRequest(
        task=prepared.task,
        request_id=request_id,
        route=RoutePreference.AUTO,
        intake=IntakePreference.AUTO,
    )
    with (
        signals_cancel(cancellation),
        progress_shown(quiet=False) as listener,
        open_orchestrator(
            settings, cancellation, listeners=() if listener is None else (listener,)
        ) as orchestrator,
    ):
        return orchestrator.run(request, cancellation)
