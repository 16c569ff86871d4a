"""The operations: what a caller can ask, independent of the transport."""

from millracer.domain.operations.names import OperationName, OpsVersion
from millracer.domain.operations.row import Operation, load
from millracer.domain.operations.table import (
    ACTIONS,
    FLEET_OPTIONS,
    NOT_FOR_WATCH,
    OPERATIONS,
    SUBMIT_OPTIONS,
    actions_of,
    reason_for_no_action,
)

__all__ = [
    "ACTIONS",
    "FLEET_OPTIONS",
    "NOT_FOR_WATCH",
    "OPERATIONS",
    "SUBMIT_OPTIONS",
    "Operation",
    "OperationName",
    "OpsVersion",
    "actions_of",
    "load",
    "reason_for_no_action",
]
