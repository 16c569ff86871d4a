"""Wait for change hints about one work item and its daemon, at little cost.

A poll is a few dozen stat calls and one read of the process table; a file is read only when its
stat changed. File events and the daemon's end wake the watch. It also polls at intervals, because
a death that no file event reports changes no file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from millracer.cancellation import Wait
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemStatus
from millracer.domain.work.runtime import RunningDaemon, RuntimeEvent
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.ownership import was_stopped
from millracer.millrace.daemon.sleep import WorkspaceSleep, settled
from millracer.millrace.files.event_log import EventLog
from millracer.millrace.files.event_owners import EventOwners
from millracer.millrace.files.items.locate import ItemFiles, ItemPlace, item_folders, item_ids
from millracer.millrace.files.state import RuntimeFiles, Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot

_MAILBOXES = ("incoming", "processed", "failed")


@dataclass(frozen=True, slots=True)
class _State:
    """The runtime's state files, by content where a daemon rewrites them without need."""

    lock: LockFile | None
    snapshot: Snapshot | None
    mailboxes: tuple[Stamp | None, ...]


@dataclass(frozen=True, slots=True)
class _Observation:
    """What one poll saw."""

    place: ItemPlace | None
    state: _State
    daemon: RunningDaemon | None


class RuntimeWatch:
    """Polls one workspace for one watcher; reports the events since its creation.

    Args:
        paths: of the workspace.
        safety_seconds: the longest time without a hint that a poll of Millrace is due.
    """

    def __init__(self, paths: WorkspacePaths, *, safety_seconds: float) -> None:
        self._paths = paths
        self._safety_seconds = safety_seconds
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        self._log = EventLog(paths.event_log)
        self._owners = EventOwners()
        self._mailboxes = tuple(str(paths.mailbox / name) for name in _MAILBOXES)
        self._items = ItemFiles(paths, ())
        states = (str(paths.event_log.parent), str(paths.state), *self._mailboxes)
        self._sleep = WorkspaceSleep([*states, *item_folders(paths)])
        self._last: _Observation | None = None
        self._known: RunningDaemon | None = None
        self._safety_from = time.monotonic()

    def next_hints(self, item: ItemStatus, wait: Wait) -> ChangeHints:
        """Block until something about the item or the daemon changed, and say what.

        Returns at once on the first call and when the item goes by another id than before. The
        safety interval runs from one sign that said so to the next, whatever is seen between.

        Raises:
            Cancelled: the caller asked to stop.
        """
        wait.cancellation.raise_if_cancelled()
        is_new = self._follow(item)
        events: list[RuntimeEvent] = []
        seen = self._observe(events)
        while not is_new and not self._is_due(wait) and not events and seen == self._last:
            self._sleep.sleep(seen.daemon, wait.within(self._safety_left))
            seen = self._observe(events)
        if not is_new and (seen != self._last or events):
            seen, _ = settled(
                (seen, len(events)), lambda: (self._observe(events), len(events)), wait
            )
        named = self._owners.complete(events, seen.state.snapshot)
        hints = self._hints(seen, named, item, is_due=self._is_due(wait))
        if hints.poll_due:
            self._safety_from = time.monotonic()
        self._last = seen
        return hints

    def close(self) -> None:
        """Watch no longer; repeatable."""
        self._sleep.close()

    @property
    def _safety_left(self) -> float:
        return max(0.0, self._safety_from + self._safety_seconds - time.monotonic())

    def _is_due(self, wait: Wait) -> bool:
        return wait.expired or self._safety_left <= 0

    def _follow(self, item: ItemStatus) -> bool:
        """Watch for this item from now on; return whether these ids are new."""
        ids = item_ids(item)
        if self._last is not None and self._items.ids == ids:
            return False
        self._items = ItemFiles(self._paths, ids)
        return True

    def _observe(self, events: list[RuntimeEvent]) -> _Observation:
        """Read once; the item before the log, so that an event never comes before its file."""
        place = self._items.find()
        events.extend(self._log.read_new())
        state = _State(
            self._files.lock.read(),
            self._files.snapshot.read(),
            tuple(stamp(folder) for folder in self._mailboxes),
        )
        return _Observation(place, state, self._finder.find())

    def _hints(
        self,
        seen: _Observation,
        events: tuple[RuntimeEvent, ...],
        item: ItemStatus,
        *,
        is_due: bool,
    ) -> ChangeHints:
        hint = None if seen.place is None else seen.place.state
        if self._last is None:
            moved = hint is not None and hint is not item.state
        else:
            moved = seen.place != self._last.place
        return ChangeHints(
            daemon_alive=seen.daemon is not None,
            daemon_owned=seen.daemon is not None and seen.daemon.owned,
            item_hint=hint,
            item_moved=moved,
            events=events,
            state_changed=self._last is not None and seen.state != self._last.state,
            poll_due=is_due,
            may_be_paused=_may_stand_still(seen.state.snapshot),
            stopped_on_purpose=self._was_stopped(seen),
        )

    def _was_stopped(self, seen: _Observation) -> bool:
        """Whether a command of Millracer stopped the daemon that is gone."""
        self._known = seen.daemon or self._known
        if seen.daemon is not None or self._known is None:
            return False
        return was_stopped(self._paths, self._known)


def _may_stand_still(snapshot: Snapshot | None) -> bool:
    return snapshot is None or snapshot.paused or snapshot.stop_requested
