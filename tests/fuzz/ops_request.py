"""The parsers of requests: `ops --json` and the `run --request-json`."""

from __future__ import annotations

import json
from contextlib import suppress

from millracer.cli.startup.prewarm import asks_millrace
from millracer.errors import InvalidRequest
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request
from millracer.schemas.run_request import parse_run_request


def check(data: bytes) -> None:
    """Hold the parsers to their promise: a request, or an error that says what is wrong with it."""
    _check_ops_request(data)
    with suppress(InvalidRequest):
        parse_run_request(data)
    asks_millrace(data)


def _check_ops_request(data: bytes) -> None:
    try:
        read = read_ops_request(data)
    except InvalidOpsRequest as exc:
        _check_refusal(exc)
    else:
        dumped = json.dumps(read.request.model_dump()).encode()
        if b"Infinity" not in dumped:  # 1e999 is that to Python; allowed in an unread field
            assert _facts(read_ops_request(dumped)) == _facts(read)


def _check_refusal(refused: InvalidOpsRequest) -> None:
    assert refused.refusals
    assert all(refusal.message for refusal in refused.refusals)
    for name in (refused.request_id, refused.action, refused.client_name, refused.session_id):
        assert name is None or name.encode().strip()


def _facts(read: ReadRequest) -> tuple[object, ...]:
    return read.request, read.action, read.payload, read.task, read.session_id
