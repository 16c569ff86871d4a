"""`millracer demo`: one complete run in a temporary folder with a scripted model."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.commands.run.report import report
from millracer.cli.process.signals import signals_cancel
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.patches import painted_patch
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import OutputFormat, print_shown
from millracer.cli.terminal.style import Role, Stream, Symbol, is_terminal, paint, symbol
from millracer.demo.story import TEST_COMMAND, TestRun, changed_lines, run_tests
from millracer.demo.workspace import DemoWorkspace, prepare_demo
from millracer.domain.requests import IntakeKind, IntakePreference, RoutePreference, RunRequest
from millracer.domain.run.options import RunOptions
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.operations.task import result_of
from millracer.programs.discovery import ResolvedPrograms
from millracer.run.summary import describe_fact
from millracer.wiring import Settings, open_orchestrator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A result, and the lines that come before its answer in the text, laid out."""

    result: RunResult
    story: tuple[str, ...] = ()


def demo(
    found: ResolvedPrograms, *, intake: IntakeKind, output: OutputFormat, keep: bool = False
) -> int:
    """Run the demo, print its document and return the exit code of the run.

    The beginning and the stages are printed to standard error as they happen. The text on standard
    output has the changes, the project's tests afterwards and the evidence.

    Args:
        found: the programs.
        intake: the intake kind that the scripted model chooses.
        output: format of the document.
        keep: leave the temporary folder where it is.
    """
    load_endings()
    request_id = f"demo-{uuid.uuid4().hex}"
    cancellation = Cancellation()

    def work() -> _Shown:
        millrace, pi = found.millrace.words, found.pi.words
        with ExitStack() as held:
            directory = _make_folder(held, keep=keep)
            say(
                f"A scripted model, real pi and real Millrace in {directory} "
                f"({'kept' if keep else 'removed at the end'})"
            )
            prepared = held.enter_context(prepare_demo(Path(directory), millrace, pi, intake))
            held.enter_context(signals_cancel(cancellation))
            say(f"The task: {prepared.task}")
            _say_tests(run_tests(prepared.root, prepared.environment, cancellation))
            result = _run(prepared, found, request_id, cancellation)
            if output is OutputFormat.JSON or cancellation.reason is not None:
                return _Shown(result=result)
            after = run_tests(prepared.root, prepared.environment, cancellation)
            return _Shown(result=result, story=tuple(_tell(prepared.root, after, result)))

    shown = completed(work, lambda error: _Shown(result=result_of(error, request_id, "")))
    result = shown.result
    if not keep:
        result = replace(result, show_command=None, watch_command=None)  # the workspace is removed
    if shown.story:
        print_shown("\n".join(shown.story))
    report(result, output, evidence_shown=bool(shown.story))
    return exit_code_of(result)


def _make_folder(held: ExitStack, *, keep: bool) -> str:
    prefix = "millracer-demo-"
    if keep:
        return tempfile.mkdtemp(prefix=prefix)
    return held.enter_context(tempfile.TemporaryDirectory(prefix=prefix))


def _say_tests(tests: TestRun) -> None:
    say("\n".join(_test_lines(tests, Stream.ERR)))


def _test_lines(tests: TestRun, stream: Stream) -> Iterator[str]:
    ends = f"The project's tests {'pass' if tests.passed else 'fail'} ({TEST_COMMAND}):"
    mark, role = (Symbol.DONE, Role.GOOD) if tests.passed else (Symbol.FAILED, Role.BAD)
    sign = f"{paint(symbol(mark, stream), role, stream)} " if is_terminal(stream) else ""
    yield f"{sign}{ends}"
    yield from (f"  {line}" for line in tests.lines)
    yield ""


def _tell(root: Path, after: TestRun, result: RunResult) -> Iterator[str]:
    """Yield what the work changed, the tests after it, and the evidence."""
    yield paint("What changed:", Role.STRONG)
    yield from (f"  {painted_patch(line)}" for line in changed_lines(root))
    yield ""
    yield from _test_lines(after, Stream.OUT)
    if result.proof:
        yield paint("The evidence:", Role.STRONG)
        for fact in result.proof:
            yield from hanging("  ", describe_fact(fact))
        yield ""


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
        progress_shown(quiet=False) as story,
        open_orchestrator(
            settings, cancellation, listeners=story.listeners, on_log=story.log_opened
        ) as orchestrator,
    ):
        return orchestrator.run(request, cancellation)
