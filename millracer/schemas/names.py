"""The published documents by name, for a command line that has to know no more than that."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SchemaName(StrEnum):
    """The published documents."""

    OPS_REQUEST = "ops-request"
    OPS_RESULT = "ops-result"
    OPS_REQUEST_V03 = "ops-request-v0.3"
    OPS_RESULT_V03 = "ops-result-v0.3"
    EVENT_FRAME = "event-frame"
    RUN_REQUEST = "run-request"
    RUN_RESULT = "run-result"
    CONFIG_RESULT = "config-result"
    STATUS_RESULT = "status-result"
    LIST_RESULT = "list-result"
    HISTORY_RESULT = "history-result"
    ITEM_RESULT = "item-result"
    LOGS_RESULT = "logs-result"
    TRACE_RESULT = "trace-result"
    RUNS_RESULT = "runs-result"
    SHOWN_RUN_RESULT = "shown-run-result"
    WATCH_ALL_RESULT = "watch-all-result"
    SUBMIT_RESULT = "submit-result"
    DIFF_RESULT = "diff-result"
    CONTROL_RESULT = "control-result"
    MODELS_RESULT = "models-result"
    DOCTOR_RESULT = "doctor-result"
    SERVE_RESULT = "serve-result"
    FLEET_SUBMIT_RESULT = "fleet-submit-result"
    FLEET_LIST_RESULT = "fleet-list-result"
    FLEET_ITEM_RESULT = "fleet-item-result"
    FLEET_WAIT_RESULT = "fleet-wait-result"
    FLEET_CONTROL_RESULT = "fleet-control-result"
    FLEET_HOSTS_RESULT = "fleet-hosts-result"
    FLEET_WORKSPACES_RESULT = "fleet-workspaces-result"
    FLEET_SCHEDULES_RESULT = "fleet-schedules-result"
    FLEET_SETUP_RESULT = "fleet-setup-result"
    FLEET_DOCTOR_RESULT = "fleet-doctor-result"


#: The description of the HTTP API, which is not a JSON Schema.
OPENAPI: Final = "openapi"
