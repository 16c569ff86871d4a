"""Run the demanded checks after the work, and turn their results into facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from millracer.cancellation import Wait
from millracer.domain.checks import Argv, CheckPlace, CheckRun, name_command
from millracer.domain.event_log import EventType, Severity
from millracer.domain.run.evidence import CheckFact, describe_end
from millracer.ports import CheckRunner, Clock, Export, Repository
from millracer.run.context import RunContext
from millracer.run.progress import Progress

_NO_REPOSITORY = "the workspace is not a git repository"
_ONLY_READS = "a run with --observe changes nothing in the workspace"
_NO_RUNNER = "this run cannot start checks"


def run_checks(  # noqa: PLR0913 - the ports
    record: RunContext,
    runner: CheckRunner | None,
    repository: Repository | None,
    clock: Clock,
    progress: Progress,
    *,
    workspace: str,
) -> tuple[CheckFact, ...]:
    """Run each demanded check once, in order, and return how each ended.

    Raises:
        Cancelled: the caller requested a stop.
    """
    demanded = record.request.checks
    with _opened(demanded.place, repository, record.wait, workspace) as export:
        return tuple(
            _run(argv, export, record, runner, clock, progress)
            for argv in dict.fromkeys(demanded.commands)
        )


@contextmanager
def _opened(
    place: CheckPlace, repository: Repository | None, wait: Wait, workspace: str
) -> Iterator[Export]:
    """Yield the files to check."""
    if place is CheckPlace.WORKSPACE:
        tree = None if repository is None else repository.tree(wait)
        yield Export(tree=tree, folder=workspace)
    elif repository is None:
        yield Export(problem=_NO_REPOSITORY)
    else:
        with repository.export(wait) as export:
            yield export


def _run(  # noqa: PLR0913, PLR0917 - the ports
    argv: Argv,
    export: Export,
    record: RunContext,
    runner: CheckRunner | None,
    clock: Clock,
    progress: Progress,
) -> CheckFact:
    demanded, command = record.request.checks, name_command(argv)
    if record.request.observe and demanded.place is CheckPlace.WORKSPACE:
        ended = CheckRun(exit_code=None, problem=_ONLY_READS)
    elif export.problem:
        problem = f"{export.problem}, so there is no clean export; use --check-in workspace"
        ended = CheckRun(exit_code=None, problem=problem)
    elif runner is None:
        ended = CheckRun(exit_code=None, problem=_NO_RUNNER)
    else:
        progress.report(
            EventType.CHECK_STARTED,
            f"check `{command}` runs in the {demanded.place}",
            argv=list(argv),
            place=demanded.place,
        )
        ended = runner.run(argv, export.folder, record.wait.within(demanded.timeout_seconds))
    fact = CheckFact(
        item_id=record.known_item.item_id,
        argv=argv,
        exit_code=ended.exit_code,
        problem=ended.problem,
        seconds=ended.seconds,
        output=ended.output,
        place=demanded.place,
        tree=export.tree,
        source=command,
        observed_at=clock.now(),
    )
    progress.report(
        EventType.CHECK_ENDED,
        f"check `{command}` {describe_end(fact)}",
        severity=Severity.INFO if fact.passed else Severity.WARNING,
        argv=list(argv),
        place=demanded.place,
        passed=fact.passed,
        exit_code=fact.exit_code,
        seconds=round(fact.seconds, 3),
    )
    return fact
