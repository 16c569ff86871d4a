"""Find the work item that the path of a request names."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial

from millracer.domain.work.identity import is_item_id
from millracer.domain.work.items import ItemStatus
from millracer.operations.items.find_item import find_item
from millracer.operations.items.item_reports import open_workspace
from millracer.serve.handlers.call import Call


async def find_item_id(call: Call) -> str:
    """Return the id of the item; one with an event log needs no call of Millrace.

    Raises:
        MillracerError: the workspace holds no such item, or Millrace cannot be used.
    """
    if await call.service.threads.call(partial(_has_log, call)):
        return call.item
    return (await look_up(call)).item_id


async def look_up(call: Call) -> ItemStatus:
    """Return the status of the item.

    Raises:
        MillracerError: the workspace holds no such item, or Millrace cannot be used.
    """

    def find() -> ItemStatus:
        _, millrace, wait = open_workspace(call.service.operations.context(call.workspace))
        return find_item(call.item, millrace, wait)

    return await call.service.threads.call(find)


def _has_log(call: Call) -> bool:
    if not is_item_id(call.item):
        return False
    logs = call.service.operations.event_logs(call.workspace)
    with suppress(OSError), closing(logs.read(call.item)) as reader:
        return reader.head is not None
    return False
