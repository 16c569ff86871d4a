"""The operations on Millrace's daemon that need the lifecycle lock: start, repair and end it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from millracer.cancellation import Cancelled, Wait
from millracer.domain.models import AliasModel
from millracer.domain.work.runtime import DaemonEnd, ModeValidation, RunningDaemon, RuntimeStatus
from millracer.errors import DaemonDied, MillracerError, RunWarning, ToolFailed
from millracer.millrace.commands.calls import TOOL, MillraceCalls, refusal
from millracer.millrace.commands.mode_aliases import resolve_alias
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.locks import watch_lock
from millracer.millrace.daemon.log import (
    daemon_output,
    find_error_line,
    has_ended,
    name_log,
    read_log_tail,
)
from millracer.millrace.daemon.ownership import (
    forget_ownership,
    note_stopped,
    read_ownership,
    write_ownership,
)
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.daemon.stale_lock import remove_stranded_lock
from millracer.millrace.daemon.stop import stop_daemon
from millracer.millrace.files.mailbox import withdraw, withdraw_stops
from millracer.millrace.files.state import RuntimeFiles
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.text_output import parse_control, parse_lines
from millracer.millrace.wire.traceback import is_system_error
from millracer.ports import DaemonControl
from millracer.system import process_table, processes
from millracer.system.files import opened_lock, try_lock

_BOOT_SECONDS = 60.0
_POLL_SECONDS = 0.05
#: A daemon that has released the runtime lock is gone within this time.
_PASSING_SECONDS = 1.0
_SWEEP_GRACE_SECONDS = 1.5
_REPAIR_SECONDS = 30.0
#: How long a daemon out of sight may take to read a mailbox command: a deep queue delays it.
_UNSEEN_SECONDS = 20.0

StatusReader = Callable[[Wait], RuntimeStatus]


class LockedControl(DaemonControl):
    """Controls the daemon of one workspace; the caller holds the lifecycle lock."""

    def __init__(
        self,
        calls: MillraceCalls,
        paths: WorkspacePaths,
        status_reader: StatusReader,
        version: Callable[[], str | None],
    ) -> None:
        self._calls = calls
        self._paths = paths
        self._status_reader = status_reader
        self._version = version
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        self._notices: list[RunWarning] = []

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller."""
        return tuple(self._notices)

    def running(self, wait: Wait) -> RunningDaemon | None:
        """Return the daemon that holds or is taking the lock, owned or foreign.

        A daemon without the lock gets a moment, because it may be ending or starting. The mode
        comes from Millrace's snapshot, or from its status if the snapshot cannot be read.
        """
        self._complete_ownership()
        found = self._wait_settled(wait.within(_PASSING_SECONDS))
        if found is None or found.booting or self._files.snapshot.read() is not None:
            return found
        status = self._status_reader(wait)
        return replace(found, mode_id=status.mode_id)

    def validate_mode(self, mode: str, wait: Wait) -> ModeValidation:
        """Run `compile validate --mode`; a refused mode is a result, not an error.

        Raises:
            ToolFailed: a daemon runs, and its compiled plan would be rewritten; or the plan could
                not be written.
        """
        if self._finder.find_any() is not None:
            raise ToolFailed(
                TOOL,
                "cannot validate a mode: the running daemon uses the compiled plan",
                suggested_action="stop the daemon with `millracer stop` or wait for its end, then "
                "run the same command again",
            )
        completed = self._calls.call("compile", "validate", "--mode", mode, wait=wait)
        if completed.exit_code != 0 and is_system_error(completed.stderr):
            raise refusal(completed)
        answer = parse_lines(completed.stdout)
        if completed.exit_code == 0 and answer.get("ok") == "true":
            return ModeValidation(ok=True, mode_id=answer.get("mode_id") or self.resolve_mode(mode))
        detail = answer.get("error") or (completed.stdout + completed.stderr).strip()[-2000:]
        return ModeValidation(ok=False, mode_id=mode, detail=detail)

    def set_stage_models(self, changes: tuple[AliasModel, ...], wait: Wait) -> None:
        """Run `model-aliases set` for each changed alias; the plan is not compiled again.

        Raises:
            ToolFailed: a daemon runs, or Millrace refused.
        """
        if self._finder.find_any() is not None:
            raise ToolFailed(
                TOOL,
                "cannot change the models of the stages: the running daemon uses them",
                suggested_action="stop the daemon with `millracer stop`, then run the same command "
                "again",
            )
        for change in changes:
            self._calls.checked(
                *("model-aliases", "set", change.alias, "--model", change.model),
                *("--thinking-level", change.thinking, "--no-reload"),
                wait=wait,
            )

    def resolve_mode(self, mode: str) -> str:
        """Return the mode's id, with aliases of the installed version resolved."""
        return resolve_alias(mode, self._version())

    def repair(self, wait: Wait) -> bool:
        """End the processes that a dead owned daemon left, and clear stale state if there is any.

        Does nothing while a daemon lives. Returns whether state was cleared.

        Raises:
            ToolFailed: Millrace refused to clear it, or the lock may belong to a living daemon.
        """
        if self._finder.find_any() is not None:
            return False
        record = read_ownership(self._paths)
        if record is not None and not record.kept:
            processes.end_token(record.token, grace_seconds=_SWEEP_GRACE_SECONDS)
        stale = is_stale(self._files, self._status_reader, wait)
        if stale:
            remove_stranded_lock(self._files, record)
            self._calls.checked("control", "clear-stale-state", wait=wait)
        if record is not None and has_ended(self._paths, record):
            forget_ownership(self._paths)
        return stale

    def end(
        self, running: RunningDaemon, wait: Wait, *, despite_watchers: bool = False
    ) -> DaemonEnd:
        """End a daemon: an owned one step by step up to SIGKILL, a foreign one by `control stop`.

        Raises:
            ToolFailed: Millrace refused to stop it.
            WorkspaceUnusable: `.millracer/` is not writable.
        """
        record = read_ownership(self._paths)
        if running.out_of_sight is not None:
            return self._end_unseen(running, wait.within(_UNSEEN_SECONDS))
        if record is None or not (running.owned or running.kept):
            return self._end_foreign(running, wait)
        with ExitStack() as held:
            lease = held.enter_context(opened_lock(watch_lock(self._paths)))
            if not try_lock(lease, shared=False) and not despite_watchers:
                return DaemonEnd.WATCHED
            note_stopped(self._paths, running)
            record = record.model_copy(update={"kept": False})
            write_ownership(self._paths, record)
            failed = stop_daemon(
                record, calls=self._calls, finder=self._finder, files=self._files, wait=wait
            )
            if failed is not None:
                self._notices.append(failed)
        return DaemonEnd.GONE if self._finder.find() is None else DaemonEnd.STILL_RUNS

    def _end_foreign(self, running: RunningDaemon, wait: Wait) -> DaemonEnd:
        note_stopped(self._paths, running)
        self._calls.checked("control", "stop", wait=wait)
        if not wait.until(
            lambda: not process_table.is_same_process(running.pid, running.started),
            every=_POLL_SECONDS,
        ):
            return DaemonEnd.STILL_RUNS
        self.repair(wait.cleaning_up(_REPAIR_SECONDS))
        return DaemonEnd.GONE

    def _end_unseen(self, running: RunningDaemon, wait: Wait) -> DaemonEnd:
        """Send `control stop` through the mailbox, and accept only a lock change as its end.

        If no process on this host has the daemon's pid, Millrace treats the lock as stale. Then
        `control stop` would change the state of a daemon that may live, and would not end it.
        """
        if not process_table.is_pid_taken(running.pid):
            return DaemonEnd.UNREACHABLE
        note_stopped(self._paths, running)
        receipt = parse_control(self._calls.checked("control", "stop", wait=wait).stdout)
        if not wait.until(lambda: self._finder.find() != running, every=_POLL_SECONDS):
            command = receipt.pending_command
            is_unread = command is None or withdraw(self._paths, command)
            return DaemonEnd.UNREACHABLE if is_unread else DaemonEnd.STILL_RUNS
        self.repair(wait.cleaning_up(_REPAIR_SECONDS))
        return DaemonEnd.GONE

    def start(self, mode: str, wait: Wait) -> RunningDaemon:
        """Repair, start an owned daemon and wait until it holds the lock and serves.

        A `stop` that a daemon before it did not read is withdrawn.

        Returns the other daemon if one was started first, and a daemon that is still booting after
        60 seconds or at the end of the wait.

        Raises:
            ToolFailed: the daemon ended during its start; the message has its own error.
            DaemonDied: the daemon ended during its start without output.
        """
        boot = wait.within(_BOOT_SECONDS)
        found = self._wait_settled(boot)
        if found is not None:
            return found
        self.repair(wait)
        withdraw_stops(self._paths)
        self._paths.remove_old_logs()
        log = name_log(self._paths)
        record = OwnershipRecord(
            token=processes.new_token(), mode_id=self.resolve_mode(mode), log=str(log)
        )
        write_ownership(self._paths, record)
        try:
            pid = self._spawn(mode, record, log, boot)
        except (MillracerError, Cancelled):
            forget_ownership(self._paths)
            raise
        started = process_table.started_at(pid)
        if started is not None:
            write_ownership(self._paths, record.model_copy(update={"pid": pid, "started": started}))
        found = self._wait_serving(boot)
        if found is not None and found.owned:
            self._complete_ownership()
            return found
        processes.end_token(record.token, grace_seconds=_SWEEP_GRACE_SECONDS)
        forget_ownership(self._paths)
        if found is not None:
            return found
        output = read_log_tail(log)
        raise (ToolFailed if output else DaemonDied)(
            TOOL,
            f"the Millrace daemon ended during its start: {find_error_line(output)}",
            detail=output,
            suggested_action=f"fix the error in {log}, then run the same command again",
        )

    def _wait_settled(self, wait: Wait) -> RunningDaemon | None:
        """Wait until the daemon holds the lock or the wait is over; None once it is gone."""
        return wait.until(
            self._finder.find_any,
            lambda found: found is None or not found.booting,
            every=_POLL_SECONDS,
        )

    def _wait_serving(self, wait: Wait) -> RunningDaemon | None:
        """Wait as `_wait_settled` does, for an owned daemon also until it serves.

        A daemon compiles its mode while it holds the lock, and may end on an error there.
        """
        return wait.until(partial(self._wait_settled, wait), self._serves, every=_POLL_SECONDS)

    def _serves(self, found: RunningDaemon | None) -> bool:
        """Return whether an owned daemon serves by its snapshot; a foreign one always counts."""
        snapshot = self._files.snapshot.read()
        return found is None or not found.owned or snapshot is None or snapshot.process_running

    def _spawn(self, mode: str, record: OwnershipRecord, log: Path, wait: Wait) -> int:
        with daemon_output(log) as output:
            return self._calls.spawn_daemon(
                *("run", "daemon", "--mode", mode, "--monitor", "none"),
                token=record.token,
                output=output,
                wait=wait,
            )

    def _complete_ownership(self) -> None:
        """Write the pid and start time that the ownership record lacks.

        They are missing if a command died between its two writes, and differ if the started program
        is a wrapper that runs Millrace as its child.
        """
        record = read_ownership(self._paths)
        owned = self._finder.find_owned()
        if record is not None and owned is not None and owned != (record.pid, record.started):
            write_ownership(
                self._paths, record.model_copy(update={"pid": owned[0], "started": owned[1]})
            )


def is_stale(files: RuntimeFiles, status_reader: StatusReader, wait: Wait) -> bool:
    """Whether `clear-stale-state` is needed, given that no daemon runs.

    Calls `status_reader` only if the files do not show it.
    """
    stale = files.is_stale()
    if stale is None:
        status = status_reader(wait)
        stale = (
            status.lock != "absent"
            or status.stop_requested
            or (not status.process_running and status.active_run_count > 0)
        )
    return stale
