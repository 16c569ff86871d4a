"""What a result of version v0.3 has in addition; imported for such a result only."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from millracer.schemas.base import Published
from millracer.schemas.ops.request import SCHEMA_VERSION_V03
from millracer.schemas.ops.result import OpsResult, Sparse, SparseText
from millracer.schemas.run.parts import ScopedWorkDocument


class AuthorityDocument(Published):
    """The authority that the caller claimed; Millracer does not check it.

    Attributes:
        scopes: names of what the caller claimed to be allowed.
        reason: why the caller claimed it.
        expires_at: when the claim ends, in the caller's own form.
        metadata: free fields of the caller.
    """

    scopes: list[str]
    reason: SparseText = None
    expires_at: SparseText = None
    metadata: Annotated[dict[str, Any] | None, Sparse] = None


class OpsResultV03(OpsResult):
    """The result of one request.

    Attributes:
        work_item_ref: the same as `scoped_work_item`.
        requested_authority: as the request gave it.
    """

    schema_version: Literal["millracer.ops.v0.3"] = SCHEMA_VERSION_V03  # type: ignore[assignment] # the next version
    work_item_ref: Annotated[ScopedWorkDocument | None, Sparse] = None
    requested_authority: Annotated[AuthorityDocument | None, Sparse] = None
