"""Submit one task to Millrace, follow it to its end, and fail unless it is proven done.

With the same name and text again, it continues the same work item.

Usage: python deliver.py path/to/workspace NAME "Fix the failing tests"
"""

from __future__ import annotations

import sys

from millracer import Client, MillracerError, RunResultDocument


def deliver(millracer: Client, name: str, task: str) -> RunResultDocument:
    """Return the result of a completed task; raise for every other outcome."""
    millracer.submit(task, request_id=name).raise_for_outcome()
    events = millracer.watch(name)
    for event in events:
        print(f"{event.event_type}: {event.message}", file=sys.stderr)
    result = events.result()
    result.raise_for_outcome()
    return result


def main() -> int:
    """Return 0 exactly when Millrace's own evidence proves this task done."""
    workspace, name, task = sys.argv[1:]
    try:
        with Client(workspace, intake="task", finalizer="summary") as millracer:
            result = deliver(millracer, name, task)
    except MillracerError as error:
        print(f"{error.code}: {error}\n  next: {error.suggested_action}", file=sys.stderr)
        return 1
    print(result.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
