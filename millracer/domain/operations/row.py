"""One row of the table of operations, and the import of the code it names."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from millracer.domain.operations.names import OpsVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        request: the model of its request.
        result: the model of its result document.
        help: the first sentence of its command's help; empty: it is not a command of its own.
        command: the function of its command, also of one that another operation shares; empty: of
            the same name, in a module of that name.
        words: the words of its command; empty: its name.
        handler: called with a request and an `OperationContext`, returns an `Answer`; empty: only
            ops requests exist.
        failure: returns the result document of an error, given the error and the operation's name.
        ops_action: the name of the ops action; empty: there is none.
        ops_since: the first version of the ops documents that has the action.
        ops_handler: performs the ops action; empty: `handler` does.
        ops_request: makes the request of `handler` from the ops request; empty: it has the
            payload's fields of the same names.
        payload: the model of the ops action's `input.payload`.
        on_store: whether the ops action uses the session store alone.
        on_fleet: whether it works on the queue of a fleet instead of a workspace.
        names_session: whether the ops action names a session without creating or using it.
        writes: whether it changes the workspace, the queue, the daemon or the session store.
        warms_up: whether it always calls Millrace, so that an early start of it saves time.
    """

    request: str
    result: str
    help: str = ""
    command: str = ""
    words: tuple[str, ...] = ()
    handler: str = ""
    failure: str = ""
    ops_action: str = ""
    ops_since: OpsVersion = OpsVersion.V02
    ops_handler: str = ""
    ops_request: str = ""
    payload: str = "millracer.schemas.ops.payloads:Payload"
    on_store: bool = False
    on_fleet: bool = False
    names_session: bool = False
    writes: bool
    warms_up: bool = False


def load(target: str) -> Any:
    """Import and return what "module:attribute" names; dots select members of a class."""
    module, _, names = target.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found
