"""The legacy one-shot request that `run --benchmark-json` reads from standard input.

Wrong fields and two different scopes are refused, with the field's path. If there are several task
texts, the first of `task`, `prompt`, `instructions` counts. Unknown fields are ignored, and null
means absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.errors import InvalidRequest
from millracer.schemas.base import ScopeModel
from millracer.schemas.encoding import NotUtf8, read_document

_Filled = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
_SEND_OBJECT = "send one JSON object, in UTF-8, on standard input"
_SCOPE_FIELDS = ("scoped_work_item", "work_item", "scope")
_TASK_FIELDS = ("task", "prompt", "instructions")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRequest:
    """What the legacy request asks for."""

    task: str
    workspace: str | None
    intake: IntakePreference | None
    scope: ScopedWork | None


class _MetadataModel(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    intake_kind: str | None = None
    scoped_work_item: ScopeModel | None = None


class _RequestModel(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    task: str | None = None
    prompt: str | None = None
    instructions: str | None = None
    workspace: _Filled | None = None
    intake_kind: str | None = None
    scoped_work_item: ScopeModel | None = None
    work_item: ScopeModel | None = None
    scope: ScopeModel | None = None
    metadata: _MetadataModel | None = None


def parse_benchmark_request(raw: bytes) -> BenchmarkRequest:
    """Read the legacy request.

    Raises:
        InvalidRequest: it is not a JSON object, or a field cannot be used; the message names it.
    """
    try:
        text = read_document(raw)
    except NotUtf8 as exc:
        raise InvalidRequest(f"the request {exc}", suggested_action=exc.suggested_action) from exc
    try:
        model = _RequestModel.model_validate_json(text)
    except ValidationError as exc:
        raise _refusal(exc) from exc
    task = next(
        (value for name in _TASK_FIELDS if (value := getattr(model, name)) and value.strip()), None
    )
    if task is None:
        raise InvalidRequest(
            "the request needs a non-empty `task` (or `prompt`, or `instructions`)",
            field="task",
            suggested_action="give the task as `task`",
        )
    metadata = model.metadata or _MetadataModel()
    given = [getattr(model, name) for name in _SCOPE_FIELDS] + [metadata.scoped_work_item]
    scopes = [value for value in given if value is not None]
    scope = scopes[0] if scopes else None
    if any(other != scope for other in scopes):
        raise InvalidRequest(
            "the request names two different scoped items",
            field="scoped_work_item",
            suggested_action="give one `scoped_work_item`",
        )
    return BenchmarkRequest(
        task=task,
        workspace=model.workspace,
        intake=_intake(model.intake_kind, metadata.intake_kind),
        scope=None if scope is None else scope.to_scope(),
    )


def _intake(named: str | None, in_metadata: str | None) -> IntakePreference | None:
    for field, value in (("intake_kind", named), ("metadata.intake_kind", in_metadata)):
        if value is not None:
            try:
                return IntakePreference(value.strip().lower())
            except ValueError as exc:
                raise InvalidRequest(
                    f"{field} is {value!r}",
                    field=field,
                    suggested_action=f"use one of {', '.join(IntakePreference)}",
                ) from exc
    return None


def _refusal(error: ValidationError) -> InvalidRequest:
    first: Any = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return InvalidRequest(
            f"the request is not JSON: {first['msg']}", suggested_action=_SEND_OBJECT
        )
    if not field:
        return InvalidRequest("the request must be a JSON object", suggested_action=_SEND_OBJECT)
    return InvalidRequest(
        f"field {field}: {first['msg']}",
        field=field,
        suggested_action=f"correct {field}, or leave it out",
    )
