"""Models of the state files that a watcher reads: the runtime lock and the snapshot."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from millracer.millrace.wire.json_documents import AwareTime, Theirs


def _text_or_none(value: object) -> object:
    return value if isinstance(value, str) and value else None


#: Text that only serves to compare snapshots: a value that is not text counts as absent.
Text = Annotated[str | None, BeforeValidator(_text_or_none)]


class LockFile(Theirs):
    """`state/runtime_daemon.lock.json`: the process that holds Millrace's runtime lock."""

    owner_pid: int = Field(gt=0)
    owner_hostname: str
    acquired_at: AwareTime


class ActiveRun(Theirs):
    """One run of the snapshot; a closure run names its root spec instead of an item."""

    run_id: Text = None
    stage: Text = None
    closure_target_root_spec_id: Text = None


class Snapshot(Theirs):
    """`state/runtime_snapshot.json` without the fields that change at every idle tick.

    Two equal snapshots mean that nothing happened between them.
    """

    process_running: bool
    stop_requested: bool
    paused: bool
    pause_sources: tuple[str, ...] = ()
    active_mode_id: Text = None
    active_stage: Text = None
    active_work_item_id: Text = None
    active_runs_by_plane: dict[str, ActiveRun]
    execution_status_marker: Text = None
    planning_status_marker: Text = None
    learning_status_marker: Text = None
    queue_depth_execution: int = 0
    queue_depth_planning: int = 0
    queue_depth_learning: int = 0
    current_failure_class: Text = None


class LastStageResult(Theirs):
    """The part of the snapshot that points a status to further files."""

    last_stage_result_path: str | None = None
