"""What `millracer ops` prints for any bytes, on fakes; and the published schemas it is held to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from millracer.cli.commands.ops.request import no_stream
from millracer.schemas.base import render
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.request import InvalidOpsRequest, read_ops_request
from millracer.schemas.registry import schema_of
from tests.support.gateway import Desk

#: The published schemas, ready to be asked.
VALIDATORS = {name: Draft202012Validator(schema_of(name)) for name in SchemaName}

#: The schemas of requests and results, by their version.
REQUESTS = {
    "millracer.ops.v0.2": SchemaName.OPS_REQUEST,
    "millracer.ops.v0.3": SchemaName.OPS_REQUEST_V03,
}
RESULTS = {
    "millracer.ops.v0.2": SchemaName.OPS_RESULT,
    "millracer.ops.v0.3": SchemaName.OPS_RESULT_V03,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One printed result and its exit code."""

    exit_code: int
    document: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        """The codes of its errors, in order."""
        return [error["code"] for error in self.document["errors"]]


def answer(desk: Desk, raw: bytes, *, stream: bool = False) -> Answered:
    """Give bytes to `millracer ops --json` (or `--stream-json`), as the command does."""
    gateway = desk.gateway()
    try:
        read = read_ops_request(raw)
    except InvalidOpsRequest as error:
        given = gateway.refuse_unreadable(error)
    else:
        if stream:
            given = gateway.refuse(read, no_stream())
        else:
            given = gateway.handle(read, desk.cancellation)
    return Answered(int(given.exit_code), strictly(render(given.result)))


def strictly(text: str) -> Any:
    """Read JSON that every reader can read: ASCII, and no NaN."""
    assert text.isascii()
    return json.loads(text, parse_constant=_refuse)


def assert_published(name: SchemaName, document: Any) -> None:
    """Fail with what the schema says against a document."""
    wrong = VALIDATORS[name].iter_errors(document)
    assert [f"{error.json_path}: {error.message}" for error in wrong] == []


def assert_published_result(document: Any) -> None:
    """Fail with what the schema of a result's own version says against it."""
    assert_published(RESULTS[document["schema_version"]], document)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
