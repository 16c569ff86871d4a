"""Ending a daemon of ours within a bound, whatever it and its stage runners do about it.

The ladder: `control stop`, a few seconds, SIGTERM to the group and to all that carries the token,
a moment for pi to end the tools it keeps in sessions of their own, SIGKILL, another look by token,
and `control clear-stale-state`, so that the item whose stage was cut is back in the queue.
"""

from __future__ import annotations

from contextlib import suppress

from millracer.adapters import process
from millracer.adapters.daemon_finder import DaemonFinder
from millracer.adapters.daemon_log import has_ended
from millracer.adapters.millrace_calls import MillraceCalls
from millracer.adapters.ownership import forget_ownership
from millracer.adapters.runtime_files import RuntimeFiles
from millracer.adapters.stranded_lock import remove_stranded_lock
from millracer.contracts.ownership import OwnershipRecord
from millracer.errors import ToolError, WorkspaceUnusable
from millracer.waiting import Cancelled, Wait

#: The whole ladder, the wait for the lifecycle lock before it not included.
LADDER_SECONDS = 14.0
_ASK_SECONDS = 4.0
_DRAIN_SECONDS = 3.0
_GRACE_SECONDS = 1.5
_REPAIR_SECONDS = 5.0
_POLL_SECONDS = 0.05


def stop_daemon(
    record: OwnershipRecord,
    *,
    calls: MillraceCalls,
    finder: DaemonFinder,
    files: RuntimeFiles,
    wait: Wait,
) -> None:
    """End the daemon the record speaks of and all it left, and put its cut work back in the queue.

    Call under the lifecycle lock, when nobody else watches. A daemon that is gone already costs no
    `millrace` process but the repair, if something is stale. A cancelled wait skips asking and
    waiting. Never raises for what the daemon or `millrace` do.
    """
    ladder = wait.within(LADDER_SECONDS)
    hurry = False
    try:
        _ask_to_stop(calls, finder, ladder)
    except Cancelled:
        hurry = True
    owned = finder.find_owned()
    process.end_token(
        record.token,
        grace_seconds=0.0 if hurry else _GRACE_SECONDS,
        group=None if owned is None else process.group_of(owned[0]),
    )
    if has_ended(files.paths, record) is False:
        return  # it lives where we cannot see it, and its record is for those who can
    forget_ownership(files.paths)
    if finder.find() is None and files.is_stale() is not False:
        with suppress(ToolError, WorkspaceUnusable):
            remove_stranded_lock(files, record)
            _clear_stale_state(calls, ladder)


def _ask_to_stop(calls: MillraceCalls, finder: DaemonFinder, wait: Wait) -> None:
    """Ask a daemon that holds the lock, and give it a moment; a booting one would not hear."""
    wait.cancellation.raise_if_cancelled()
    found = finder.find()
    if found is None or found.booting or not found.ours:
        return
    with suppress(ToolError):
        calls.call("control", "stop", wait=wait.within(_ASK_SECONDS))
    drain = wait.within(_DRAIN_SECONDS)
    while process.is_same_process(found.pid, found.started) and not drain.expired:
        drain.sleep(_POLL_SECONDS)


def _clear_stale_state(calls: MillraceCalls, wait: Wait) -> None:
    """Repair even when the caller is in a hurry: without it the cut item stays active."""
    calls.call(
        "control",
        "clear-stale-state",
        wait=Wait.for_seconds(min(wait.remaining, _REPAIR_SECONDS)),
    )
