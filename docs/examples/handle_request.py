"""Request a workspace's status through the ops boundary, without starting `millracer`.

Usage: python handle_request.py path/to/workspace
"""

from __future__ import annotations

import sys

from millracer import OpsResult, OpsStatus, handle_request


def ask_status(workspace: str) -> OpsResult:
    """Return the result of one `status` request."""
    return handle_request(
        {
            "schema_version": "millracer.ops.v0.2",
            "request_id": "status-1",
            "action": "status",
            "workspace_ref": {"root_path": workspace},
            "source": {"kind": "script"},
        }
    )


def main() -> int:
    """Print the result's JSON; return 0 exactly if Millrace returned the status."""
    (workspace,) = sys.argv[1:]
    result = ask_status(workspace)
    print(result.model_dump_json(indent=2))
    return 0 if result.status is OpsStatus.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main())
