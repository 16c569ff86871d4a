"""Delegate one task to Millrace and report whether it is done; Ctrl-C cancels it.

Usage: python run_task.py path/to/workspace "Fix the failing tests"
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from millracer import (
    Cancellation,
    CancelReason,
    Finalizer,
    IntakePreference,
    MillracerError,
    ProgressDocument,
    RoutePreference,
    RunOptions,
    RunResultDocument,
    run_task,
)

OPTIONS = RunOptions(
    route=RoutePreference.MILLRACE,
    intake=IntakePreference.TASK,
    finalizer=Finalizer.SUMMARY,
    daemon_timeout_seconds=3600,
)


def show(step: ProgressDocument) -> None:
    """Print one step of the run."""
    print(f"{step.state}: {step.reason}", file=sys.stderr)


def delegate(workspace: str, task: str) -> RunResultDocument:
    """Run the task in a separate thread, so that this thread receives Ctrl-C."""
    cancellation = Cancellation()
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(
            run_task,
            task,
            workspace=workspace,
            options=OPTIONS,
            on_progress=show,
            cancellation=cancellation,
        )
        try:
            return running.result()
        except KeyboardInterrupt:
            cancellation.cancel(CancelReason.INTERRUPTED)
            return running.result()


def main() -> int:
    """Return 0 exactly when Millrace's own evidence proves this task done."""
    workspace, task = sys.argv[1:]
    try:
        result = delegate(workspace, task)
    except MillracerError as error:
        print(f"not started: {error}", file=sys.stderr)
        return 2
    print(f"{result.outcome}: {result.output}")
    for proof in result.completion_evidence:
        print(f"  {proof.work_item_id}: {proof.reason}, from {proof.source}")
    return 0 if result.scoped_completion else 1


if __name__ == "__main__":
    sys.exit(main())
