"""Hand over the items of an outside queue to Millrace, one at a time.

Reads one item a line from standard input, `{"id": ..., "title": ..., "task": ...}`, while they
come; writes one line for each that has ended, and takes the next item only then. One
`millracer ops --jsonl` answers them all. Ends with 1 at the first item that is not proven done, and
leaves the rest of the queue alone. Given the same items again, it repeats no work.

Usage: follow-your-queue | python queue_adapter.py path/to/workspace
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


def request(item: dict[str, Any], workspace: str) -> dict[str, Any]:
    """Return the request that enqueues one item and waits for its end."""
    return {
        "schema_version": "millracer.ops.v0.2",
        "request_id": item["id"],
        "action": "enqueue",
        "workspace_ref": {"root_path": workspace},
        "source": {"kind": "queue_adapter"},
        "input": {"kind": "natural_language", "text": item["task"]},
        "route_preference": "millrace",
        "options": {"finalizer": "summary"},
        "scoped_work_item": {
            "item_id": item["id"],
            "title": item["title"],
            "source_queue": "outside",
        },
    }


def answer(ops: subprocess.Popen[str], asked: dict[str, Any]) -> dict[str, Any]:
    """Send one request and wait for its result."""
    assert ops.stdin is not None
    assert ops.stdout is not None
    print(json.dumps(asked), file=ops.stdin, flush=True)
    result: dict[str, Any] = json.loads(ops.stdout.readline())
    return result


def hand_over(items: IO[str], workspace: str) -> Iterator[dict[str, Any]]:
    """Yield what became of each item, before the next one is taken."""
    with subprocess.Popen(
        ("millracer", "ops", "--jsonl"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as ops:
        for line in items:
            item = json.loads(line)
            completion = answer(ops, request(item, workspace))["completion"]
            yield {
                "id": item["id"],
                "outcome": completion["outcome"],
                "done": completion["scoped_completion"],
                "missing": completion["missing_evidence"],
            }


def main() -> int:
    """Return 0 when every item that came is proven done."""
    (workspace,) = sys.argv[1:]
    for ended in hand_over(sys.stdin, str(Path(workspace).resolve())):
        print(json.dumps(ended), flush=True)
        if not ended["done"]:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
