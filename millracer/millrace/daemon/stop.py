"""Stop an owned daemon within a time limit, even if it and its stage runners do not cooperate.

The steps: `control stop`, a wait of a few seconds, SIGTERM to the group and to every process with
the token, a moment for pi to end the tools it keeps in sessions of their own, SIGKILL, another
search by token, and `control clear-stale-state`, which requeues the item whose stage was cut off.
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
from millracer.system import process_table, processes

#: The limit of all steps, without the wait for the lifecycle lock before them.
LADDER_SECONDS = 17.0
_ASK_SECONDS = 4.0
_DRAIN_SECONDS = 3.0
_GRACE_SECONDS = 1.5
#: Reserved for the repair: under load the start of `millrace` alone takes up to six.
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
    """End the record's daemon and all its processes, and requeue the item it worked on.

    Call under the lifecycle lock, while no other command watches. For a daemon that has ended, the
    only `millrace` process is the repair, if state is stale. A cancelled wait skips `control stop`
    and the waiting. Never raises for a failure of the daemon or of `millrace`.

    Returns:
        The warning that the repair failed; then the record is kept as proof of the lock's owner.
        None if the repair succeeded or was not needed.
    """
    limit = wait.within(LADDER_SECONDS)
    is_cancelled = False
    try:
        _request_stop(calls, finder, _reserve_repair(limit))
    except Cancelled:
        is_cancelled = True
    owned = finder.find_owned()
    processes.end_token(
        record.token,
        grace_seconds=0.0 if is_cancelled else _GRACE_SECONDS,
        group=None if owned is None else process_table.group_of(owned[0]),
    )
    if has_ended(files.paths, record) is False:
        return None  # it lives but is not visible here; commands that see it need its record
    if finder.find() is None and files.is_stale() is not False:
        try:
            remove_stranded_lock(files, record)
            _clear_stale_state(calls, limit)
        except (ToolError, WorkspaceUnusable) as error:
            return _build_warning(calls, error.message, error.suggested_action)
        if finder.find() is None and files.is_stale():
            return _build_warning(
                calls, "`millrace control clear-stale-state` did not clear it", None
            )
    forget_ownership(files.paths)
    return None


def _reserve_repair(limit: Wait) -> Wait:
    """Return the part of the limit that is left for the steps before SIGTERM and the repair."""
    return limit.within(max(0.0, limit.remaining - _GRACE_SECONDS - _REPAIR_SECONDS))


def _request_stop(calls: MillraceCalls, finder: DaemonFinder, wait: Wait) -> None:
    """Send `control stop` to an owned daemon and wait for its end; a booting one cannot read it."""
    wait.cancellation.raise_if_cancelled()
    found = finder.find()
    if found is None or found.booting or not found.owned or wait.expired:
        return
    with suppress(ToolError):
        calls.call("control", "stop", wait=wait.within(_ASK_SECONDS))
    wait.within(_DRAIN_SECONDS).until(
        lambda: not process_table.is_same_process(found.pid, found.started), every=_POLL_SECONDS
    )


def _clear_stale_state(calls: MillraceCalls, wait: Wait) -> None:
    """Run the repair even if the wait is cancelled: without it the item remains active."""
    calls.checked(
        "control",
        "clear-stale-state",
        wait=Wait.for_seconds(min(wait.remaining, _REPAIR_SECONDS)),
    )


def _build_warning(calls: MillraceCalls, reason: str, action: str | None) -> RunWarning:
    manual_command = shlex.join(
        (*calls.argv, "control", "clear-stale-state", "--workspace", str(calls.workspace))
    )
    next_step = "" if action is None else f" ({action})"
    return RunWarning(
        "repair_failed",
        f"cannot clear the stopped daemon's stale state, and its work item may still be "
        f"active: {reason}{next_step}; the next run clears it, or run `{manual_command}`",
    )
