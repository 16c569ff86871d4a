"""Messages about a daemon whose process is not visible from here."""

from __future__ import annotations

import shlex
from datetime import UTC

from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import RunWarning

#: The code of the warning about a daemon that may be dead.
DAEMON_UNSEEN = "daemon_unseen"


def describe_unseen(daemon: RunningDaemon) -> str:
    """Return a clause about the daemon that holds the workspace; empty for a visible one."""
    unseen = daemon.out_of_sight
    if unseen is None:
        return ""
    known = "lives out of sight" if unseen.is_alive else "cannot be seen from here: it may be dead"
    return (
        f"process {daemon.pid} on host {unseen.host} holds the workspace since "
        f"{unseen.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC and {known}"
    )


def how_to_free(daemon: RunningDaemon) -> str:
    """Return how to free the workspace of an invisible daemon; empty for a visible one."""
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
