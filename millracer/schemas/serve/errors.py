"""The answer of the HTTP API to a request that failed."""

from __future__ import annotations

from typing import Any

from millracer.schemas.base import Code, Published


class HttpErrorDocument(Published):
    """Why a request failed, and the next step.

    Attributes:
        code: identifies the error; docs/troubleshooting.md lists the codes.
        message: the error as a sentence.
        suggested_action: the next step.
        field: the field of the request that cannot be used; null if no single one.
    """

    code: Code
    message: str
    suggested_action: str | None
    field: str | None


class HttpFailure(Published):
    """A request that failed.

    Attributes:
        error: the error.
        document: the document of the operation; null if it did not begin.
    """

    error: HttpErrorDocument
    document: dict[str, Any] | None
