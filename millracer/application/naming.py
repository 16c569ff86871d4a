"""Which work item a name means that a person gives: the item's id, or that of the request."""

from __future__ import annotations

from millracer.domain.identity import is_item_id, is_named
from millracer.errors import InvalidRequest
from millracer.ports import Millrace


def item_named(name: str, millrace: Millrace) -> str:
    """Return the id of the work item that was made of the request of this name, else the name.

    An item's id says whether it was made of a request by such a name, so nothing is remembered for
    it; what was stored for Millrace is looked through. Asks no program.

    Raises:
        InvalidRequest: several items were made by this name, each of another text.
    """
    if is_item_id(name):
        return name
    found = sorted(
        item_id
        for item_id, request_hash in millrace.stored_requests()
        if is_named(item_id, request_hash, name)
    )
    if len(found) > 1:
        raise InvalidRequest(
            f"{name} names {len(found)} work items, each with another text: {', '.join(found)}",
            field="resume",
            suggested_action="name one of them by its own id",
        )
    return found[0] if found else name
