"""Run the demanded checks after the work, and turn their results into facts."""

from __future__ import annotations

from millracer.domain.checks import Argv, name_command
from millracer.domain.event_log import EventType, Severity
from millracer.domain.run.evidence import CheckFact, describe_end
from millracer.ports import CheckRunner, Clock, Repository
from millracer.run.check_bench import CheckBench, files_to_check
from millracer.run.context import RunContext
from millracer.run.progress import Progress


def run_checks(  # noqa: PLR0913 - the ports
    record: RunContext,
    runner: CheckRunner | None,
    repository: Repository | None,
    clock: Clock,
    progress: Progress,
    *,
    workspace: str,
) -> tuple[CheckFact, ...]:
    """Run each demanded check of a run once, report it, and return how each ended.

    Raises:
        Cancelled: the caller requested a stop.
    """
    demanded = record.request.checks

    def started(argv: Argv) -> None:
        progress.report(
            EventType.CHECK_STARTED,
            f"check `{name_command(argv)}` runs in the {demanded.place}",
            argv=list(argv),
            place=demanded.place,
        )

    def ended(fact: CheckFact) -> None:
        progress.report(
            EventType.CHECK_ENDED,
            f"check `{name_command(fact.argv)}` {describe_end(fact)}",
            severity=Severity.INFO if fact.passed else Severity.WARNING,
            argv=list(fact.argv),
            place=demanded.place,
            passed=fact.passed,
            exit_code=fact.exit_code,
            seconds=round(fact.seconds, 3),
        )

    bench = CheckBench(
        item_id=record.known_item.item_id,
        demanded=demanded,
        runner=runner,
        clock=clock,
        wait=record.wait,
        only_reads=record.request.observe,
        started=started,
        ended=ended,
    )
    with files_to_check(demanded.place, repository, record.wait, workspace) as export:
        return bench.run(export)
