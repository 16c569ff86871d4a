"""Request ids for requests without one."""

from __future__ import annotations

import os


def new_request_id() -> str:
    """Return a new random request id."""
    return f"run-{os.urandom(16).hex()}"
