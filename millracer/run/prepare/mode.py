"""Choose the mode of a run; Millrace decides which modes are valid and which one runs.

`compile validate` writes the compiled plan, so it runs only under the lifecycle lock and never
while a daemon runs, whether owned or foreign.
"""

from __future__ import annotations

from millracer.domain.work.modes import DEFAULT_MODE, ModeChoice, choose_mode
from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import ModeConflict, WorkspaceUnusable
from millracer.ports import Backend, DaemonControl
from millracer.run.context import RunContext

_LOCK_SECONDS = 150.0
_BOOT_SECONDS = 60.0
_BOOT_POLL_SECONDS = 0.2


def settle_mode(record: RunContext, millrace: Backend) -> None:
    """Choose the run's mode, or use that of a daemon that already runs.

    Raises:
        ModeConflict: that daemon runs in another mode than the caller or the session chose.
        WorkspaceUnusable: the named mode, or the default, does not compile in this workspace.
    """
    with millrace.supervisor.control(record.wait.within(_LOCK_SECONDS)) as control:
        running = control.running(record.wait)
        if running is not None:
            reconcile_with_daemon(record, control, running)
            return
        choice = wanted_mode(record)
        validation = control.validate_mode(choice.mode, record.wait)
        if not validation.ok and not choice.binding and choice.mode != DEFAULT_MODE:
            record.warn(
                "mode_unavailable",
                f"pi named mode {choice.mode}, which Millrace refuses ({validation.detail}); "
                f"{DEFAULT_MODE} is used",
            )
            choice = choose_mode(caller=None, session=None, pi=None)
            validation = control.validate_mode(choice.mode, record.wait)
        if not validation.ok:
            raise WorkspaceUnusable(
                f"Millrace mode {choice.mode} cannot be used in {millrace.workspace}: "
                f"{validation.detail}",
                suggested_action=f"list the modes with `{millrace.commands.list_modes()}`, or, "
                f"for a workspace of another version, run `{millrace.commands.upgrade()}`",
            )
        record.mode = choice.mode


def reconcile_with_daemon(
    record: RunContext, control: DaemonControl, running: RunningDaemon
) -> None:
    """Use the mode of a running daemon, unless the caller or the session chose another.

    Raises:
        ModeConflict: the caller or the session chose another.
    """
    wanted = wanted_mode(record)
    found = _mode_of(record, control, running)
    if found is None:
        record.warn("mode_unknown", "the running daemon does not report its mode")
        record.mode = record.mode or wanted.mode
        return
    if control.resolve_mode(wanted.mode) != control.resolve_mode(found):
        if wanted.binding:
            raise ModeConflict(
                f"a daemon already works here in mode {found}, not in {wanted.mode}",
                suggested_action=f"use --millrace-mode {found}, or stop that daemon first with "
                "`millracer stop`",
            )
        record.warn("mode_of_daemon", f"the running daemon's mode {found} is used")
    record.mode = found


def _mode_of(record: RunContext, control: DaemonControl, running: RunningDaemon) -> str | None:
    """Return the daemon's mode; wait for a booting daemon to report it."""
    wait = record.wait.within(_BOOT_SECONDS)
    found: RunningDaemon | None = running
    while found is not None and found.booting and found.mode_id is None and not wait.expired:
        wait.sleep(_BOOT_POLL_SECONDS)
        found = control.running(record.wait)
    return None if found is None else found.mode_id


def wanted_mode(record: RunContext) -> ModeChoice:
    """Return the mode that caller, session or pi named, else the default."""
    request, decision = record.request, record.decision
    return choose_mode(
        caller=request.mode,
        session=request.session_mode,
        pi=None if decision is None else decision.mode,
    )
