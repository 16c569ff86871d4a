"""What `millracer serve --json` prints when the server listens: `millracer.serve.v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from millracer.domain.run.result import ErrorRecord
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.run.document import ErrorDocument

#: The fragment of the link that holds the token.
TOKEN_FRAGMENT = "#token="  # noqa: S105 - a name, not a token


class ServeResult(Published):
    """A running server.

    Attributes:
        schema_version: the format of this document.
        url: the address of the server; null if none runs.
        link: the address of the page with the token; open it in a browser. Null for a socket.
        token: the bearer token of the API.
        socket: the path of the socket, for a server on one.
        pid: the process of the server.
        started: when it started.
        read_only: whether it changes nothing.
        is_new: whether this command started it.
        warnings: problems that did not stop the command, each as `code: text`.
        errors: why no server runs; empty on success.
    """

    schema_version: Literal["millracer.serve.v1"] = "millracer.serve.v1"
    url: str | None = None
    link: str | None = None
    token: str | None = None
    socket: str | None = None
    pid: int | None = None
    started: datetime | None = None
    read_only: bool = False
    is_new: bool = False
    warnings: list[str] = Field(default_factory=list)
    errors: list[ErrorDocument] = Field(default_factory=list)


def describe_failure(error: MillracerError, _command: str | None = None) -> ServeResult:
    """Return the document of a command that started no server."""
    return ServeResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])
