"""Run the demanded checks of one item, apart from a run."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.checks import DemandedChecks
from millracer.domain.run.evidence import CheckFact
from millracer.operations.context import OperationContext
from millracer.run.check_bench import CheckBench, files_to_check


def check_item(
    item_id: str, demanded: DemandedChecks, root_path: str, context: OperationContext
) -> tuple[CheckFact, ...]:
    """Run each demanded check once on the files as they are now, and return how each ended.

    Raises:
        Cancelled: the caller requested a stop.
    """
    if not demanded.commands:
        return ()
    wait = Wait(context.cancellation)
    repository = context.tools.repository(root_path)
    bench = CheckBench(
        item_id=item_id,
        demanded=demanded,
        runner=context.tools.check_runner(),
        clock=context.clock,
        wait=wait,
    )
    with files_to_check(demanded.place, repository, wait, root_path) as export:
        return bench.run(export)
