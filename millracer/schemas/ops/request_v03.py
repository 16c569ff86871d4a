"""What a request of version v0.3 has in addition; imported for such a request only."""

from __future__ import annotations

from typing import Any, Literal

from millracer.schemas.base import Incoming, OptionalText, Texts
from millracer.schemas.ops.request import OpsRequest, ScopedWorkItem


class WorkItemRef(ScopedWorkItem):
    """The one entry of the caller's own queue that the request is about.

    Attributes:
        kind: for the caller's own records, and not used.
        queue_path: for the caller's own records, and not used.
        status: for the caller's own records, and not used.
        root_spec_id: for the caller's own records, and not used.
        root_idea_id: for the caller's own records, and not used.
    """

    kind: Any = None
    queue_path: Any = None
    status: Any = None
    root_spec_id: Any = None
    root_idea_id: Any = None


class RequestedAuthority(Incoming):
    """The authority that the caller claims for the request; copied to the result, not checked.

    Attributes:
        scopes: names of what the caller claims to be allowed, such as `work_item:enqueue`.
        reason: why the caller claims it.
        expires_at: when the claim ends, in the caller's own form.
        metadata: free fields of the caller.
    """

    scopes: Texts = ()
    reason: OptionalText = None
    expires_at: OptionalText = None
    metadata: dict[str, Any] | None = None


class OpsRequestV03(OpsRequest):
    """One request to the local operations gateway.

    Attributes:
        work_item_ref: the one entry of the caller's own queue that the request is about.
        scoped_work_item: another name for `work_item_ref`, which counts first.
        requested_authority: the authority that the caller claims.
    """

    schema_version: Literal["millracer.ops.v0.3"]  # type: ignore[assignment] # the next version
    scoped_work_item: WorkItemRef | None = None
    work_item_ref: WorkItemRef | None = None
    requested_authority: RequestedAuthority | None = None


def authority_of(request: OpsRequest) -> RequestedAuthority | None:
    """Return the authority that the caller claims; None for none."""
    return request.requested_authority if isinstance(request, OpsRequestV03) else None
