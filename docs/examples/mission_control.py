"""Print the status of every registered workspace repeatedly, as a mission control does.

One `millracer ops --jsonl` stays open and answers all requests concurrently. While nothing changes
in a workspace, it returns the status in milliseconds.

Usage: python mission_control.py [REPETITIONS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Self

SECONDS = 2.0


class Ops:
    """A resident ops process; leaving the block ends it and waits for its end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ("millracer", "ops", "--jsonl"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()

    def ask(self, requests: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Send requests by their ids; return the results by the same ids."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for request_id, about in requests.items():
            common = {
                "schema_version": "millracer.ops.v0.2",
                "request_id": request_id,
                "source": {"kind": "mission_control"},
            }
            print(json.dumps({**common, **about}), file=self._process.stdin)
        self._process.stdin.flush()
        results = [json.loads(self._process.stdout.readline()) for _ in requests]
        return {result["request_id"]: result for result in results}


def board(ops: Ops) -> list[str]:
    """Return one line per workspace."""
    listed = ops.ask({"list": {"action": "list_workspaces", "workspace_ref": {}}})["list"][
        "result"
    ]["workspaces"]
    statuses = ops.ask(
        {
            each["workspace_id"]: {
                "action": "status",
                "workspace_ref": {"workspace_id": each["workspace_id"]},
            }
            for each in listed
            if each["workspace_id"] != "default"
        }
    )
    return [_line(name, result) for name, result in sorted(statuses.items())]


def _line(name: str, result: dict[str, Any]) -> str:
    if result["status"] != "succeeded":
        error = result["errors"][0]
        return f"{name}: {error['code']}, {error['message']}"
    status = result["result"]
    daemon = "running" if status["process_running"] else "not running"
    doing = status["active_stage"] or "idle"
    queued = sum(status["queue_depths_by_family"].values())
    return f"{name}: daemon {daemon}, {doing}, {queued} queued"


def main() -> int:
    """Print the board; return 0, also after Ctrl-C."""
    often = int(sys.argv[1]) if sys.argv[1:] else sys.maxsize
    with Ops() as ops:
        try:
            for time_shown in range(often):
                if time_shown:
                    time.sleep(SECONDS)
                print("\n".join(board(ops)), flush=True)
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
