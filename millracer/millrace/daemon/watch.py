"""Wait cheaply for change hints about a work item or its daemon.

A poll costs a few dozen stats and one check of the process table; a file is read only when its stat
has changed. File changes and the daemon's death wake the watch. It also polls at intervals, because
a death may change no file and be missed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from millracer.cancellation import Wait
from millracer.domain.items import ItemStatus
from millracer.domain.observation import ChangeHints
from millracer.domain.runtime import RunningDaemon, RuntimeEvent
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.ownership import was_stopped
from millracer.millrace.files.event_log import EventLog
from millracer.millrace.files.locate import ItemFiles, ItemPlace, item_folders, item_ids
from millracer.millrace.files.state import RuntimeFiles, Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot
from millracer.system.file_events import Wakeup

#: Seconds between polls where the system reports file changes, and where it does not.
HEARING_POLL_SECONDS = 1.0
DEAF_POLL_SECONDS = 0.2
#: A transition touches several files within some 50 ms; they are reported together.
_SETTLE_SECONDS = 0.05
_SETTLE_ROUNDS = 4

_MAILBOXES = ("incoming", "processed", "failed")


@dataclass(frozen=True, slots=True)
class _State:
    """The runtime's state files; compared by content if a daemon rewrites them unchanged."""

    lock: LockFile | None
    snapshot: Snapshot | None
    mailboxes: tuple[Stamp | None, ...]


@dataclass(frozen=True, slots=True)
class _Poll:
    """The result of one poll."""

    place: ItemPlace | None
    state: _State
    daemon: RunningDaemon | None


class RuntimeWatch:
    """Watches one workspace for one command; reports events from its creation on.

    Args:
        paths: the workspace's paths.
        safety_seconds: report `poll_due` at least once in this time.
    """

    def __init__(self, paths: WorkspacePaths, *, safety_seconds: float) -> None:
        self._paths = paths
        self._safety_seconds = safety_seconds
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        self._log = EventLog(paths.event_log)
        self._mailboxes = tuple(str(paths.mailbox / name) for name in _MAILBOXES)
        self._items = ItemFiles(paths, ())
        states = (str(paths.event_log.parent), str(paths.state), *self._mailboxes)
        self._wakeup = Wakeup([*states, *item_folders(paths)])
        self._last: _Poll | None = None
        self._last_daemon: RunningDaemon | None = None
        self._safety_from = time.monotonic()

    def next_signs(self, item: ItemStatus, wait: Wait) -> ChangeHints:
        """Block until the item or the daemon has changed, and return the change hints.

        Returns at once on the first call and if the item has another id than before. The safety
        interval runs from one `poll_due` to the next, regardless of other hints in between.

        Raises:
            Cancelled: the caller asked to stop.
        """
        wait.cancellation.raise_if_cancelled()
        is_new = self._follow(item)
        events: list[RuntimeEvent] = []
        poll = self._poll(events)
        while not is_new and not self._is_due(wait) and not events and poll == self._last:
            self._sleep(poll, wait)
            poll = self._poll(events)
        if not is_new:
            poll = self._settle(poll, events, wait)
        hints = self._build_hints(poll, tuple(events), item, is_due=self._is_due(wait))
        if hints.poll_due:
            self._safety_from = time.monotonic()
        self._last = poll
        return hints

    def close(self) -> None:
        """Stop watching; repeatable."""
        self._wakeup.close()

    def _sleep(self, poll: _Poll, wait: Wait) -> None:
        self._wakeup.watch_folders()
        self._wakeup.watch_process(None if poll.daemon is None else poll.daemon.pid)
        interval = HEARING_POLL_SECONDS if self._wakeup.hears else DEAF_POLL_SECONDS
        self._wakeup.sleep(min(interval, self._safety_left), wait)

    @property
    def _safety_left(self) -> float:
        return max(0.0, self._safety_from + self._safety_seconds - time.monotonic())

    def _is_due(self, wait: Wait) -> bool:
        return wait.expired or self._safety_left <= 0

    def _follow(self, item: ItemStatus) -> bool:
        """Watch this item from now on; return whether its ids are new to the watch."""
        ids = item_ids(item)
        if self._last is not None and self._items.ids == ids:
            return False
        self._items = ItemFiles(self._paths, ids)
        return True

    def _poll(self, events: list[RuntimeEvent]) -> _Poll:
        """Poll once; the item before the log, so that an event never comes before its file."""
        place = self._items.find()
        events.extend(self._log.read_new())
        state = _State(
            self._files.lock.read(),
            self._files.snapshot.read(),
            tuple(stamp(folder) for folder in self._mailboxes),
        )
        return _Poll(place, state, self._finder.find())

    def _settle(self, poll: _Poll, events: list[RuntimeEvent], wait: Wait) -> _Poll:
        """Wait for the end of a burst, so that one transition is reported once."""
        if poll == self._last and not events:
            return poll
        for _ in range(_SETTLE_ROUNDS):
            known = len(events)
            wait.sleep(_SETTLE_SECONDS)
            next_poll = self._poll(events)
            if next_poll == poll and len(events) == known:
                break
            poll = next_poll
        return poll

    def _build_hints(
        self, poll: _Poll, events: tuple[RuntimeEvent, ...], item: ItemStatus, *, is_due: bool
    ) -> ChangeHints:
        hint = None if poll.place is None else poll.place.state
        if self._last is None:
            moved = hint is not None and hint is not item.state
        else:
            moved = poll.place != self._last.place
        return ChangeHints(
            daemon_alive=poll.daemon is not None,
            daemon_ours=poll.daemon is not None and poll.daemon.ours,
            item_hint=hint,
            item_moved=moved,
            events=events,
            state_changed=self._last is not None and poll.state != self._last.state,
            poll_due=is_due,
            may_be_paused=_may_be_paused(poll.state.snapshot),
            stopped_on_purpose=self._was_stopped(poll),
        )

    def _was_stopped(self, poll: _Poll) -> bool:
        """Whether the daemon has ended because Millracer stopped it on purpose."""
        self._last_daemon = poll.daemon or self._last_daemon
        if poll.daemon is not None or self._last_daemon is None:
            return False
        return was_stopped(self._paths, self._last_daemon)


def _may_be_paused(snapshot: Snapshot | None) -> bool:
    return snapshot is None or snapshot.paused or snapshot.stop_requested
