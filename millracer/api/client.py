"""`Client`: every operation as a method."""

from __future__ import annotations

from millracer.api.fleet_methods import FleetMethods
from millracer.api.item_methods import ItemMethods
from millracer.api.session_methods import SessionMethods
from millracer.api.task_methods import TaskMethods
from millracer.api.workspace_methods import WorkspaceMethods


class Client(TaskMethods, ItemMethods, WorkspaceMethods, SessionMethods, FleetMethods):
    """The operations on one workspace and on a fleet, each a method.

    A method has the name of its command or ops action.

    A method returns the document that its command prints with `--json` or `--output json`, as a
    frozen pydantic model; `watch` and `run_events` return the events of a run, with its document as
    their `result()`. After the work has started, the document reports every ending, errors
    included; `raise_for_outcome` of the document raises unless the operation succeeded. Nothing is
    printed, and no signal is handled. Methods may be called concurrently, from any thread.

    All calls share one fork server for Millrace's commands; `close`, or the end of a `with` block,
    ends it.
    """
