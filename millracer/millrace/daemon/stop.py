"""Ending a daemon of ours within a bound, whatever it and its stage runners do about it.

The ladder: `control stop`, a few seconds, SIGTERM to the group and to all that carries the token,
a moment for pi to end the tools it keeps in sessions of their own, SIGKILL, another look by token,
and `control clear-stale-state`, so that the item whose stage was cut is back in the queue.
"""

from __future__ import annotations

import shlex
from contextlib import suppress

from millracer.cancellation import Cancelled, Wait
from millracer.errors import RunWarning, ToolError, WorkspaceUnusable
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.log import has_ended
from millracer.millrace.daemon.ownership import forget_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.daemon.stale_lock import remove_stranded_lock
from millracer.millrace.files.state import RuntimeFiles
from millracer.system import processes

#: The whole ladder, the wait for the lifecycle lock before it not included.
LADDER_SECONDS = 17.0
_ASK_SECONDS = 4.0
_DRAIN_SECONDS = 3.0
_GRACE_SECONDS = 1.5
#: Kept for the repair: under load the start of `millrace` alone takes up to six.
_REPAIR_SECONDS = 10.0
_POLL_SECONDS = 0.05


def stop_daemon(
    record: OwnershipRecord,
    *,
    calls: MillraceCalls,
    finder: DaemonFinder,
    files: RuntimeFiles,
    wait: Wait,
) -> RunWarning | None:
    """End the daemon the record speaks of and all it left, and put its cut work back in the queue.

    Call under the lifecycle lock, when nobody else watches. A daemon that is gone already costs no
    `millrace` process but the repair, if something is stale. A cancelled wait skips asking and
    waiting. Never raises for what the daemon or `millrace` do.

    Returns:
        The warning that the repair failed, and the record stays, which proves whose lock is left;
        None where it did not fail, or nothing was stale.
    """
    ladder = wait.within(LADDER_SECONDS)
    hurry = False
    try:
        _ask_to_stop(calls, finder, _all_but_repair(ladder))
    except Cancelled:
        hurry = True
    owned = finder.find_owned()
    processes.end_token(
        record.token,
        grace_seconds=0.0 if hurry else _GRACE_SECONDS,
        group=None if owned is None else processes.group_of(owned[0]),
    )
    if has_ended(files.paths, record) is False:
        return None  # it lives where we cannot see it, and its record is for those who can
    if finder.find() is None and files.is_stale() is not False:
        try:
            remove_stranded_lock(files, record)
            _clear_stale_state(calls, ladder)
        except (ToolError, WorkspaceUnusable) as error:
            return _repair_failed(calls, error.message, error.suggested_action)
        if finder.find() is None and files.is_stale():
            return _repair_failed(calls, "`millrace control clear-stale-state` left it", None)
    forget_ownership(files.paths)
    return None


def _all_but_repair(ladder: Wait) -> Wait:
    """Return what the ladder may take before its last two steps."""
    return ladder.within(max(0.0, ladder.remaining - _GRACE_SECONDS - _REPAIR_SECONDS))


def _ask_to_stop(calls: MillraceCalls, finder: DaemonFinder, wait: Wait) -> None:
    """Ask a daemon that holds the lock, and give it a moment; a booting one would not hear."""
    wait.cancellation.raise_if_cancelled()
    found = finder.find()
    if found is None or found.booting or not found.ours or wait.expired:
        return
    with suppress(ToolError):
        calls.call("control", "stop", wait=wait.within(_ASK_SECONDS))
    wait.within(_DRAIN_SECONDS).until(
        lambda: not processes.is_same_process(found.pid, found.started), every=_POLL_SECONDS
    )


def _clear_stale_state(calls: MillraceCalls, wait: Wait) -> None:
    """Repair even when the caller is in a hurry: without it the cut item stays active."""
    calls.checked(
        "control",
        "clear-stale-state",
        wait=Wait.for_seconds(min(wait.remaining, _REPAIR_SECONDS)),
    )


def _repair_failed(calls: MillraceCalls, reason: str, action: str | None) -> RunWarning:
    by_hand = shlex.join(
        (*calls.argv, "control", "clear-stale-state", "--workspace", str(calls.workspace))
    )
    mend = "" if action is None else f" ({action})"
    return RunWarning(
        "repair_failed",
        f"what the daemon left could not be cleared, and the item it worked on may still be "
        f"active: {reason}{mend}; the next run clears it, or `{by_hand}`",
    )
