"""The status of an idle workspace, as Millrace prints it."""


def idle_status(workspace: str) -> dict[str, object]:
    """Return all that a status has to say."""
    return {
        "workspace": workspace,
        "process_running": False,
        "runtime_ownership_lock": "absent",
        "active_run_count": 0,
        "active_stage": None,
        "active_work_item_kind": None,
        "active_work_item_id": None,
        "execution_queue_depth": 0,
        "planning_queue_depth": 0,
        "learning_queue_depth": 0,
        "paused": False,
        "pause_sources": "none",
        "stop_requested": False,
        "active_mode_id": None,
    }
