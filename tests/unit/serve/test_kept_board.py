"""How long an entry of the board is kept."""

from __future__ import annotations

from millracer.ports import StatusStamps
from millracer.schemas.serve.board import (
    BoardCounts,
    BoardDaemon,
    BoardDaemonState,
    BoardWorkspace,
)
from millracer.serve.kept_board import KeptEntries
from millracer.serve.workspaces import ServedWorkspace

PLACE = ServedWorkspace(path="/home/me/shop")


class _SameStamps(StatusStamps):
    def read(self) -> object | None:
        return "same"


def test_an_entry_is_read_again_after_half_a_minute() -> None:
    now, reads = [0.0], []
    entries = KeptEntries(monotonic=lambda: now[0])

    def read() -> BoardWorkspace:
        reads.append(now[0])
        return _entry()

    for each in (0.0, 29.0, 31.0, 60.0, 62.0):
        now[0] = each
        entries.read(PLACE, _SameStamps, read)

    assert reads == [0.0, 31.0, 62.0]


def _entry() -> BoardWorkspace:
    return BoardWorkspace.model_validate(
        {
            **PLACE.fields(),
            "daemon": BoardDaemon(state=BoardDaemonState.STOPPED, pid=None, since=None),
            "counts": BoardCounts(queued=0, active=0, blocked=0, ended_today=0),
            **{name: [] for name in ("running", "waiting", "blocked", "ended")},
            "error": None,
        }
    )
