"""Submit the items of an external queue to Millrace, one at a time.

Reads one item per line from standard input, `{"id": ..., "title": ..., "task": ...}`, as they
arrive. Prints one line for each item that has ended, and only then reads the next. One
`millracer ops --jsonl` answers all requests. Ends with exit code 1 at the first item that is not
proven done, and does not read the rest. With the same items again, it repeats no work.

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


def answer(ops: subprocess.Popen[str], message: dict[str, Any]) -> dict[str, Any]:
    """Send one request and wait for its result."""
    assert ops.stdin is not None
    assert ops.stdout is not None
    print(json.dumps(message), file=ops.stdin, flush=True)
    result: dict[str, Any] = json.loads(ops.stdout.readline())
    return result


def hand_over(items: IO[str], workspace: str) -> Iterator[dict[str, Any]]:
    """Yield the outcome of each item before reading the next."""
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
    """Return 0 if every item is proven done."""
    (workspace,) = sys.argv[1:]
    for ended in hand_over(sys.stdin, str(Path(workspace).resolve())):
        print(json.dumps(ended), flush=True)
        if not ended["done"]:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
