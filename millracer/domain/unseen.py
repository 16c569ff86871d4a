"""What to say about a daemon whose process cannot be seen from here."""

from __future__ import annotations

import shlex
from datetime import UTC

from millracer.domain.runtime import RunningDaemon
from millracer.errors import RunWarning

#: The code of the warning about a daemon that may be dead.
DAEMON_UNSEEN = "daemon_unseen"


def describe_unseen(daemon: RunningDaemon) -> str:
    """Say in one clause who holds the workspace and what is known of it; empty for one in sight."""
    unseen = daemon.out_of_sight
    if unseen is None:
        return ""
    known = "lives out of sight" if unseen.is_alive else "cannot be seen from here: it may be dead"
    return (
        f"process {daemon.pid} on host {unseen.host} holds the workspace since "
        f"{unseen.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC and {known}"
    )


def how_to_free(daemon: RunningDaemon) -> str:
    """Say how to free the workspace of a daemon out of sight; empty for one in sight."""
    unseen = daemon.out_of_sight
    if unseen is None:
        return ""
    if unseen.is_alive:
        return f"stop it on {unseen.host}"
    return (
        f"stop it on {unseen.host}; if that machine or container is gone, "
        f"`rm {shlex.quote(unseen.lock_file)}` frees the workspace"
    )


def unseen_warning(daemon: RunningDaemon | None) -> RunWarning | None:
    """Return the warning about a daemon that may be dead; None where there is nothing to say."""
    if daemon is None or not daemon.may_be_dead:
        return None
    return RunWarning(DAEMON_UNSEEN, f"{describe_unseen(daemon)}; {how_to_free(daemon)}")
