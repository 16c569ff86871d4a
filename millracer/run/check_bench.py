"""Run checks in given files and return how each ended; report nothing and judge nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from millracer.cancellation import Wait
from millracer.domain.checks import Argv, CheckPlace, CheckRun, DemandedChecks, name_command
from millracer.domain.run.evidence import CheckFact
from millracer.ports import CheckRunner, Clock, Export, Repository

_NO_REPOSITORY = "the workspace is not a git repository"
_ONLY_READS = "a run with --observe changes nothing in the workspace"
_NO_RUNNER = "this run cannot start checks"


def _ignore(_: object) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBench:
    """Runs the checks of one item.

    Attributes:
        item_id: the item whose work is checked.
        demanded: the checks.
        runner: starts them; None: none can be started.
        clock: the time of each result.
        wait: the wait of the caller, without the time limit of a check.
        only_reads: whether no check may run in the workspace itself.
        started: called with each check that starts.
        ended: called with each result.
    """

    item_id: str
    demanded: DemandedChecks
    runner: CheckRunner | None
    clock: Clock
    wait: Wait
    only_reads: bool = False
    started: Callable[[Argv], None] = _ignore
    ended: Callable[[CheckFact], None] = _ignore

    def run(self, export: Export) -> tuple[CheckFact, ...]:
        """Run each check once, in order, and return how each ended.

        Args:
            export: the files to check.

        Raises:
            Cancelled: the caller requested a stop.
        """
        return tuple(self._check(argv, export) for argv in dict.fromkeys(self.demanded.commands))

    def _check(self, argv: Argv, export: Export) -> CheckFact:
        result = self._run(argv, export)
        fact = CheckFact(
            item_id=self.item_id,
            argv=argv,
            exit_code=result.exit_code,
            problem=result.problem,
            seconds=result.seconds,
            output=result.output,
            output_sha256=result.output_sha256,
            place=self.demanded.place,
            tree=export.tree,
            source=name_command(argv),
            observed_at=self.clock.now(),
        )
        self.ended(fact)
        return fact

    def _run(self, argv: Argv, export: Export) -> CheckRun:
        if self.only_reads and self.demanded.place is CheckPlace.WORKSPACE:
            return CheckRun(exit_code=None, problem=_ONLY_READS)
        if export.problem:
            problem = f"{export.problem}, so there is no clean export; use --check-in workspace"
            return CheckRun(exit_code=None, problem=problem)
        if self.runner is None:
            return CheckRun(exit_code=None, problem=_NO_RUNNER)
        self.started(argv)
        return self.runner.run(argv, export.folder, self.wait.within(self.demanded.timeout_seconds))


@contextmanager
def files_to_check(
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
