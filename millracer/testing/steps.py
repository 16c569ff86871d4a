"""The items of a scripted backend, and the steps of its script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class HeldItem:
    """One item as the scripted Millrace holds it; tests may change it at any time."""

    item_id: str
    state: ItemState
    kind: IntakeKind | None = IntakeKind.TASK
    request_hash: str | None = None
    millrace_id: str | None = None
    work_kind: str | None = None
    detail: str = ""
    proven: bool = (
        False  #: a complete run proves it: its updater's, a probe's recon with nothing to do
    )
    parent_id: str | None = None  #: the item it came out of
    runner_failure: str | None = None  #: why the program of its stage failed
    title: str = ""  #: its document's heading; empty: its id


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens before the next read of a watch, and what that read shows.

    Attributes:
        item: the watched item's new state.
        daemon: `dies`, `stops` (on another caller's request) or `boots`.
        stage: the stage that is active from now on; empty for none.
        queued: how many items wait, not counting the watched one.
        also: any other effect, such as cancelling the run.
        until_deadline: nothing happens until the wait is over.
    """

    item: ItemState | None = None
    detail: str = ""
    proven: bool = False
    daemon: str | None = None
    stage: str | None = None
    paused: bool | None = None
    queued: int | None = None
    events: tuple[RuntimeEvent, ...] = ()
    poll_due: bool = False
    also: Callable[[], None] | None = None
    until_deadline: bool = False


def nothing_new() -> Step:
    """Wake the watch without a reason."""
    return Step()


def due_poll() -> Step:
    """The safety interval is over."""
    return Step(poll_due=True)


def daemon_boots() -> Step:
    """A booting daemon now holds the lock and works."""
    return Step(daemon="boots")


def stage_runs(stage: str, *, run_id: str = "run-1", item_id: str | None = None) -> Step:
    """The watched item, or the item `item_id`, is active and the stage has started."""
    event = RuntimeEvent(
        kind=RuntimeEventKind.STAGE_STARTED,
        occurred_at=NOW,
        plane="execution",
        stage=stage,
        run_id=run_id,
        item_kind="task",
        item_id=item_id,
    )
    return Step(item=ItemState.ACTIVE if item_id is None else None, stage=stage, events=(event,))


def stage_ends(stage: str, result: str | None = None, *, run_id: str = "run-1") -> Step:
    """End the stage of the watched item; by default with success."""
    event = RuntimeEvent(
        kind=RuntimeEventKind.STAGE_ENDED,
        occurred_at=NOW,
        plane="execution",
        stage=stage,
        run_id=run_id,
        item_kind="task",
        terminal_result=result or f"{stage.upper()}_COMPLETE",
    )
    return Step(events=(event,))


def item_goes(state: ItemState, detail: str = "") -> Step:
    """The watched item changes its state."""
    return Step(item=state, detail=detail)


def item_ends(state: ItemState = ItemState.DONE, *, proven: bool = True) -> Step:
    """The watched item ended; done comes with its updater's result unless `proven` is false."""
    return Step(item=state, proven=proven and state is ItemState.DONE, stage="")


def daemon_dies() -> Step:
    """The daemon's process is gone, everything it held stays as it was."""
    return Step(daemon="dies")


def daemon_is_stopped() -> Step:
    """Another caller requested the daemon's stop, and it stopped."""
    stopped = RuntimeEvent(kind=RuntimeEventKind.DAEMON_STOPPED, occurred_at=NOW)
    return Step(daemon="stops", stage="", events=(stopped,))


def workspace_paused() -> Step:
    """An operator paused the workspace."""
    return Step(paused=True)


def time_runs_out() -> Step:
    """Nothing happens until the wait's deadline."""
    return Step(until_deadline=True)


def then(also: Callable[[], None]) -> Step:
    """Do something of the test's own."""
    return Step(also=also)
