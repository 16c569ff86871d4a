"""Commands in namespaces of their own, as in a container: process 1 of one, or another `/proc`."""

from __future__ import annotations

import os
from collections.abc import Sequence

#: Whoever is not root becomes root in a namespace of users.
_AS_ROOT = () if os.geteuid() == 0 else ("--user", "--map-root-user")


def as_process_one(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command that runs another as process 1, and exits as it does."""
    return ("unshare", *_AS_ROOT, "--pid", "--fork", "--mount-proc", "--kill-child", *command)
