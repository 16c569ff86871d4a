"""Make the ops request that a host performs, and the identity of its item.

The host reads the request with the same code, so client and host derive the same item id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from millracer.domain.fleet.items import DEFAULT_PRIORITY, FleetSubmission
from millracer.domain.operations import FLEET_OPTIONS
from millracer.domain.operations.fleet_requests import FleetTask
from millracer.domain.requests import RoutePreference, RunRequest, ScopedWork
from millracer.domain.work.identity import hash_request, work_item_for
from millracer.errors import InvalidRequest, MillracerError
from millracer.redaction.process import redact
from millracer.schemas.ops.request import SCHEMA_VERSION_V03, ReadRequest, read_ops_request

#: PostgreSQL stores no such character in JSON.
_NUL = "\0"


def request_of(task: FleetTask) -> dict[str, Any]:
    """Return the ops request of a task; the host adds the workspace.

    Raises:
        InvalidRequest: a field cannot be used.
        MillracerError: the request contains a known secret.
    """
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION_V03,
        "request_id": task.request_id,
        "action": "enqueue",
        "workspace_ref": {},
        "source": {"kind": "fleet"},
        "route_preference": RoutePreference.MILLRACE.value,
        "input": {"text": task.text},
    }
    optional = {
        "idempotency_key": task.idempotency_key,
        "work_item_ref": None if task.scope is None else _scope_fields(task.scope),
        "context_refs": list(task.context_refs),
        "expected_evidence": list(task.expected_evidence),
        "options": dict(task.options),
    }
    document |= {name: value for name, value in optional.items() if value not in (None, [], {})}
    _check_texts(document)
    _read(document)
    return document


def json_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options that a fleet's task may have, with values that JSON has."""
    return {
        name: _plain(options[name])
        for name in FLEET_OPTIONS
        if options.get(name) not in (None, (), [], "")
    }


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def submission_of(  # noqa: PLR0913 - the fields of a submission
    request: Mapping[str, Any],
    *,
    workspace_id: str | None,
    label: str | None = None,
    priority: int = DEFAULT_PRIORITY,
    not_before: datetime | None = None,
    idempotency_key: str | None = None,
) -> FleetSubmission:
    """Return the submission of an ops request from `request_of`.

    Args:
        request: the request.
        workspace_id: the target; None if `label` selects it.
        label: as in `FleetSubmission`.
        priority: as in `FleetSubmission`.
        not_before: as in `FleetSubmission`.
        idempotency_key: replaces that of the request; None: the request's.
    """
    document = dict(request)
    if idempotency_key is not None:
        document |= {"idempotency_key": idempotency_key, "request_id": idempotency_key}
    read = _read(document)
    named = RunRequest(
        task=read.task or "",
        request_id=read.request.request_id,
        request_id_named=True,
        idempotency_key=read.request.idempotency_key,
        scope=read.scope,
        context_refs=tuple(read.request.context_refs or ()),
    )
    return FleetSubmission(
        item_id=work_item_for(named, unique="").item_id,
        request_hash=hash_request(named.body),
        request=document,
        workspace_id=workspace_id,
        label=label,
        priority=priority,
        not_before=not_before,
    )


def _scope_fields(scope: ScopedWork) -> dict[str, Any]:
    fields = {**asdict(scope), "constraints": list(scope.constraints)}
    return {name: value for name, value in fields.items() if value not in (None, [])}


def _read(document: Mapping[str, Any]) -> ReadRequest:
    """Read the request as its host does, and refuse what the host would ignore."""
    read = read_ops_request(json.dumps(document).encode())
    if read.ignored:
        first = read.ignored[0]
        raise InvalidRequest(
            f"{first.field} cannot be used: {first.problem}",
            field=first.field,
            suggested_action=f"correct {first.field}, or leave it out",
        )
    if read.task is None:
        raise InvalidRequest(
            "there is no task",
            field="task",
            suggested_action="give the task as a text",
        )
    return read


def _check_texts(document: Mapping[str, Any]) -> None:
    for path, text in _texts(document):
        if _NUL in text:
            raise InvalidRequest(
                f"{path} contains a NUL character, which the fleet's database cannot store",
                field=path,
                suggested_action="remove the character",
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                f"{path} contains half a surrogate pair, which is not a character",
                field=path,
                suggested_action="remove the character",
            ) from error
        if redact(text) != text:
            raise MillracerError(
                f"{path} contains a known secret; the fleet's database stores tasks word for word",
                code="secret_in_task",
                suggested_action="remove the secret, and name the variable of the host that has it",
            )


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path or "the request", value
        case Mapping():
            for name, part in value.items():
                yield from _texts(part, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for part in value:
                yield from _texts(part, path)
        case _:
            return
