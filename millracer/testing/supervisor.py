"""The daemon of a scripted backend, its control and its watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from millracer.cancellation import Wait
from millracer.domain.models import AliasModel
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import DaemonEnd, ModeValidation, RunningDaemon
from millracer.errors import RunWarning, ToolFailed
from millracer.ports import (
    OBSERVER_POLL_SECONDS,
    DaemonControl,
    Observer,
    StatusStamps,
    Supervisor,
    WatchLease,
)
from millracer.testing.steps import Step, nothing_new

if TYPE_CHECKING:
    from millracer.testing.backend import ScriptedBackend

#: A wait of at most this long takes no step of the script.
_BRIEF_SECONDS = 0.2
#: The modes by their shorter names.
MODE_ALIASES = {
    "default_pi": "lad_pi",
    "default_codex": "lad_codex",
    "learning_pi": "learning_lad_pi",
}


class ScriptedSupervisor(Supervisor):
    """The scripted daemon; its calls are the backend's."""

    def __init__(self, millrace: ScriptedBackend) -> None:
        self._millrace = millrace

    @property
    def owns_daemon(self) -> bool:
        return self._millrace.owns_daemon

    def find(self) -> RunningDaemon | None:
        return self._millrace.find_daemon()

    def is_watched(self) -> bool:
        return self._millrace.watchers > 0

    def is_stale(self, wait: Wait) -> bool:
        return self._millrace.is_stale(wait)

    def control(self, wait: Wait) -> AbstractContextManager[DaemonControl]:
        return self._millrace.control(wait)

    def lease(self, wait: Wait) -> WatchLease:
        return self._millrace.lease(wait)

    def observe(self, *, poll_seconds: float = OBSERVER_POLL_SECONDS) -> Observer:
        return self._millrace.observe(poll_seconds=poll_seconds)

    def stamps(self) -> StatusStamps:
        return self._millrace.stamps()


class ScriptedControl(DaemonControl):
    """Starts and stops the scripted daemon."""

    def __init__(self, millrace: ScriptedBackend) -> None:
        self._millrace = millrace

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return self._millrace.notices_at_end

    def running(self, wait: Wait) -> RunningDaemon | None:
        with self._called("running", wait):
            return self._millrace.daemon

    def validate_mode(self, mode: str, wait: Wait) -> ModeValidation:
        with self._called("validate_mode", wait):
            assert self._millrace.daemon is None, "compile validate writes the daemon's plan"
            self._millrace.validated.append(mode)
            if mode in self._millrace._rejected:
                return ModeValidation(ok=False, mode_id=mode, detail=self._millrace._rejected[mode])
            mode_id = self.resolve_mode(mode)
            self._millrace.models.compile(mode_id)
            return ModeValidation(ok=True, mode_id=mode_id)

    def set_stage_models(self, changes: tuple[AliasModel, ...], wait: Wait) -> None:
        with self._called("set_stage_models", wait):
            if self._millrace.daemon is not None:
                raise ToolFailed("millrace", "the running daemon uses the models")
            self._millrace.models.set(changes)

    def resolve_mode(self, mode: str) -> str:
        return MODE_ALIASES.get(mode, mode)

    def repair(self, wait: Wait) -> bool:
        with self._called("repair", wait):
            assert self._millrace.daemon is None, "a living daemon's state is never stale"
            needed = self._millrace._is_stale()
            self._millrace.repaired += needed
            self._millrace.stale = self._millrace.stop_requested = False
            self._millrace._requeue_active()
            return needed

    def end(
        self, running: RunningDaemon, wait: Wait, *, despite_watchers: bool = False
    ) -> DaemonEnd:
        with self._called("end", wait):
            assert self._millrace.daemon == running, "another daemon runs"
            if running.out_of_sight is not None:
                return DaemonEnd.UNREACHABLE
            is_owned = running.owned or running.kept
            if is_owned and self._millrace.watchers and not despite_watchers:
                return DaemonEnd.WATCHED
            if not is_owned and self._millrace.active_stage:
                self._millrace.stop_requested = True
                return DaemonEnd.STILL_RUNS
            self._millrace.stopped.append(running.pid)
            self._millrace.daemon = None
            self._millrace.stopped_on_purpose = True
            self._millrace._requeue_active()
            if self._millrace.watchers:
                self._millrace.will_show(nothing_new())
            return DaemonEnd.GONE

    def start(self, mode: str, wait: Wait) -> RunningDaemon:
        self.repair(wait)
        with self._called("start", wait):
            assert self._millrace.daemon is None, "a second daemon cannot start"
            self._millrace.started.append(mode)
            self._millrace.stopped_on_purpose = False
            self._millrace.daemon = RunningDaemon(
                pid=self._millrace._new_pid(),
                started=1.0,
                owned=True,
                mode_id=self.resolve_mode(mode),
            )
            return self._millrace.daemon

    @contextmanager
    def _called(self, name: str, wait: Wait) -> Iterator[None]:
        assert self._millrace.control_held, f"{name} outside the lifecycle lock"
        with self._millrace._called(name, wait):
            yield


class ScriptedStamps(StatusStamps):
    """The stamps that a test sets."""

    def __init__(self, millrace: ScriptedBackend) -> None:
        self._millrace = millrace

    def read(self) -> object | None:
        return self._millrace.status_stamp


class ScriptedObserver(Observer):
    """Sees a change with each step of the script, and waits for ever once there is none left."""

    def __init__(self, millrace: ScriptedBackend) -> None:
        self._millrace = millrace
        self._looked = False

    def next_change(self, wait: Wait) -> None:
        with self._millrace._called("next_change", wait):
            if self._looked:
                self._millrace._take(self._millrace._next_step(), "")
            self._looked = True
            wait.cancellation.raise_if_cancelled()

    def close(self) -> None:
        self._millrace.calls.append("close_observer")


class ScriptedWatchLease(WatchLease):
    """Shows a watch one step of the script at a time."""

    def __init__(self, millrace: ScriptedBackend) -> None:
        self._millrace = millrace
        self._left_running: bool | None = None
        self._looked = False
        self._hint: ItemState | None = None

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        return self._millrace.notices_at_end

    def next_hints(self, item: ItemStatus, wait: Wait) -> ChangeHints:
        assert self._left_running is None, "the watch was left already"
        with self._millrace._called("next_hints", wait):
            brief = wait.remaining < _BRIEF_SECONDS
            step = Step() if brief or not self._looked else self._millrace._next_step()
            before = self._hint if self._looked else item.state
            self._looked = True
            self._millrace._take(step, item.item_id)
            if step.until_deadline:
                wait.sleep(wait.remaining)
            wait.cancellation.raise_if_cancelled()
            held = self._millrace.items.get(item.item_id)
            hint = held.state if held else None
            moved, self._hint = hint is not before, hint
            daemon = self._millrace.daemon
            return ChangeHints(
                daemon_alive=daemon is not None,
                daemon_owned=daemon is not None and daemon.owned,
                item_hint=hint,
                item_moved=moved,
                events=tuple(
                    replace(event, item_id=event.item_id or item.item_id) for event in step.events
                ),
                state_changed=moved or step.stage is not None or step.paused is not None,
                poll_due=step.poll_due or wait.expired,
                may_be_paused=self._millrace.paused,
                stopped_on_purpose=daemon is None and self._millrace.stopped_on_purpose,
            )

    def leave(self, wait: Wait, *, keep_daemon: bool) -> bool:
        if self._millrace.while_leaving is not None:
            self._millrace.while_leaving()
        if self._left_running is None:
            self._left_running = self._leave(keep_daemon=keep_daemon)
        return self._left_running

    def _leave(self, *, keep_daemon: bool) -> bool:
        self._millrace.calls.append("leave")
        self._millrace.watchers -= 1
        daemon = self._millrace.daemon
        if daemon is None or not daemon.owned:
            return False
        if keep_daemon:
            self._millrace.daemon = replace(daemon, owned=False, kept=True)
            return True
        if self._millrace.watchers:
            return True
        self._millrace.stopped.append(daemon.pid)
        self._millrace.daemon = None
        self._millrace._requeue_active()
        return False
