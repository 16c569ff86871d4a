"""Delegate one issue to Millrace from a build job, and end with Millracer's exit code.

Reads ISSUE (its number), TITLE and BODY from the environment, and writes the result to
`millracer-result.json` and a few lines to the job's summary, if there is one. A second run for the
same issue continues the same work item.

Usage: python delegate_issue.py path/to/workspace
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def delegate(workspace: str, issue: str, task: str) -> tuple[int, dict[str, Any]]:
    """Run the issue as one scoped item to its end."""
    request = {
        "task": task,
        "scoped_work_item": {"item_id": f"issue-{issue}", "source_queue": "issues"},
    }
    # The text comes from outside: it goes through standard input, never through a shell.
    ran = subprocess.run(
        (
            *("millracer", "run", "--workspace", workspace, "--request-json"),
            *("--route", "millrace", "--finalizer", "summary", "--output", "json"),
        ),
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    result: dict[str, Any] = json.loads(ran.stdout)
    return ran.returncode, result


def summary(result: dict[str, Any]) -> str:
    """Return a summary of the result as Markdown."""
    lines = [f"## {result['outcome']}", "", f"Work item `{result['work_item_id']}`.", ""]
    lines += [f"- {proof['reason']}" for proof in result["completion_evidence"]]
    lines += [
        f"- missing: {gap['needed']}; found {gap['found']}" for gap in result["missing_evidence"]
    ]
    lines += [f"- error: {error['message']}" for error in result["errors"]]
    lines += [f"- to {step['action']}: `{step['command']}`" for step in result["next_steps"]]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Return Millracer's exit code: 0 exactly if this issue's item is done."""
    (workspace,) = sys.argv[1:]
    task = f"{os.environ['TITLE']}\n\n{os.environ.get('BODY', '')}".strip()
    code, result = delegate(workspace, os.environ["ISSUE"], task)
    Path("millracer-result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = summary(result)
    print(text)
    if (page := os.environ.get("GITHUB_STEP_SUMMARY")) is not None:
        with Path(page).open("a", encoding="utf-8") as stream:
            stream.write(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
