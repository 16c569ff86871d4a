"""The names of the operations, and the versions of the ops documents."""

from __future__ import annotations

from enum import StrEnum


class OperationName(StrEnum):
    """The operations; `watch` is a run that resumes an item."""

    RUN = "run"
    STATUS = "status"
    LIST = "list"
    SHOW = "show"
    LOGS = "logs"
    TRACE = "trace"
    HISTORY = "history"
    SUBMIT = "submit"
    WATCH = "watch"
    WATCH_ALL = "watch_all"
    DIFF = "diff"
    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    START = "start"
    STOP = "stop"
    MODELS = "models"
    LIST_WORKSPACES = "list_workspaces"
    REGISTER_WORKSPACE = "register_workspace"
    FORGET_WORKSPACE = "forget_workspace"
    SELECT_WORKSPACE = "select_workspace"
    LIST_SESSIONS = "list_sessions"
    INSPECT_SESSION = "inspect_session"
    FORGET_SESSION = "forget_session"
    QUEUE_STATUS = "queue_status"
    LIST_RUNS = "list_runs"
    SHOW_RUN = "show_run"
    DIAGNOSE = "diagnose"
    FLEET_SUBMIT = "fleet_submit"
    FLEET_LIST = "fleet_list"
    FLEET_SHOW = "fleet_show"
    FLEET_WAIT = "fleet_wait"
    FLEET_CANCEL = "fleet_cancel"
    FLEET_RETRY = "fleet_retry"
    FLEET_HOSTS = "fleet_hosts"
    FLEET_DRAIN = "fleet_drain"
    FLEET_WORKSPACES = "fleet_workspaces"
    FLEET_FORGET = "fleet_forget"
    FLEET_PAUSE = "fleet_pause"
    FLEET_RESUME = "fleet_resume"
    FLEET_SCHEDULES = "fleet_schedules"
    FLEET_PRUNE = "fleet_prune"


class OpsVersion(StrEnum):
    """The versions of the ops documents; a result has the version of its request."""

    V02 = "millracer.ops.v0.2"
    V03 = "millracer.ops.v0.3"
