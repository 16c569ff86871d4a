"""Requests that the HTTP API refuses."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from millracer.errors import MillracerError
from millracer.schemas.serve.errors import HttpErrorDocument, HttpFailure


class Refusal(Exception):
    """A request is refused with a status.

    Args:
        status: the HTTP status.
        message: the error as a sentence.
        suggested_action: the next step.
        code: identifies the error.
        field: the field of the request that cannot be used.
        document: the document of the operation, if it began.
        headers: further headers of the answer.
    """

    def __init__(  # noqa: PLR0913 - the parts of an answer
        self,
        status: HTTPStatus,
        message: str,
        suggested_action: str | None,
        *,
        code: str,
        field: str | None = None,
        document: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self._error = HttpErrorDocument(
            code=code, message=message, suggested_action=suggested_action, field=field
        )
        self._document = document

    @property
    def failure(self) -> HttpFailure:
        """The body of the answer."""
        return HttpFailure(error=self._error, document=self._document)


def describe_error(error: MillracerError) -> HttpErrorDocument:
    """Return the published form of an error."""
    return HttpErrorDocument(
        code=error.code,
        message=error.message,
        suggested_action=error.suggested_action,
        field=getattr(error, "field", None),
    )


def read_only() -> Refusal:
    """Return the refusal of a change by a server that changes nothing."""
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "this server changes nothing (--read-only)",
        "use a server that was started without --read-only, or the command line",
        headers={"Allow": "GET, HEAD"},
        code="read_only",
    )
