"""The request that `run --request-json` and `submit --request-json` read from standard input.

As in the reference, a value that cannot be used is ignored with a warning, and so is an unknown
field; null means absent. Of several task texts, the first of `task`, `prompt`, `instructions`
counts, and of several scopes the first. An unusable `workspace` is refused, since it decides where
the work is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import from_json

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.errors import InvalidRequest, RunWarning
from millracer.schemas.base import (
    WHITE_SPACE,
    FilledInSchema,
    Incoming,
    ScopeModel,
    unknown_field_warning,
    unknown_fields,
)
from millracer.schemas.descriptions import describe_fields
from millracer.schemas.encoding import NotUtf8, read_document
from millracer.schemas.lenient import NAMES_TARGET, read_leniently
from millracer.schemas.scopes import find_scope, value_at

_SEND_OBJECT = "send one JSON object, in UTF-8, on standard input"
_TASK_FIELDS = ("task", "prompt", "instructions")
#: Unknown fields that are reported.
_MAX_UNKNOWN = 100
_INTAKES = ("intake_kind", "intakeKind", "metadata.intake_kind")

_Path = Annotated[
    Annotated[str, StringConstraints(min_length=1, pattern=r"\S"), FilledInSchema] | None,
    BeforeValidator(lambda value: value or None if isinstance(value, str) else value),
    NAMES_TARGET,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """A request as it was read.

    Attributes:
        scope: the scoped item, None where none is usable.
        scope_is_unclear: the request names an unusable scope, or several.
        warnings: the values and fields that were ignored.
    """

    task: str
    workspace: str | None
    intake: IntakePreference | None
    scope: ScopedWork | None
    scope_is_unclear: bool = False
    warnings: tuple[RunWarning, ...] = ()


class Metadata(Incoming):
    """The caller's own information; of its fields, these are read.

    Attributes:
        intake_kind: read where `intake_kind` of the request is absent.
        scoped_work_item: read where the request names no scoped item outside of it.
    """

    intake_kind: str | None = None
    scoped_work_item: ScopeModel | None = None


def _require_task(schema: dict[str, Any], model: type[Any]) -> None:
    """Let a schema require one of the fields of the task's text."""
    describe_fields(schema, model)
    filled = {"type": "string", "pattern": f"[^{WHITE_SPACE}]"}
    schema["anyOf"] = [{"required": [name], "properties": {name: filled}} for name in _TASK_FIELDS]


class RunRequestDocument(Incoming):
    """One task, with the place of the work and the caller's own item.

    Attributes:
        task: the task's text, passed on unchanged.
        prompt: the same as `task`, which counts first.
        instructions: the same as `task`, if `prompt` is absent as well.
        workspace: the directory of the work, or the id of a registered workspace; counts before
            the option `--workspace`.
        intake_kind: auto, probe, idea or task; counts before the option `--intake`.
        intakeKind: the same as `intake_kind`, which counts first.
        scoped_work_item: the one entry of the caller's queue that the task is about.
        work_item: the same as `scoped_work_item`, which counts first.
        scope: the same as `scoped_work_item`, if `work_item` is absent as well.
        scopedWorkItem: the same as `scoped_work_item`, if those are absent.
        workItem: the same as `scoped_work_item`, if those are absent.
        metadata: the caller's own information; unknown fields in it are not reported.
    """

    model_config = ConfigDict(json_schema_extra=_require_task)

    task: str | None = None
    prompt: str | None = None
    instructions: str | None = None
    workspace: _Path = None
    intake_kind: str | None = None
    intakeKind: str | None = None  # noqa: N815 - the key of another port
    scoped_work_item: ScopeModel | None = None
    work_item: ScopeModel | None = None
    scope: ScopeModel | None = None
    scopedWorkItem: ScopeModel | None = None  # noqa: N815 - the key of another port
    workItem: ScopeModel | None = None  # noqa: N815 - the key of another port
    metadata: Metadata | None = None


def parse_run_request(raw: bytes) -> TaskRequest:
    """Read a request.

    Raises:
        InvalidRequest: it is not a JSON object, has no task, or its workspace cannot be used.
    """
    text, document = _document(raw)
    reading = read_leniently(RunRequestDocument, text, document)
    model = reading.model or RunRequestDocument()  # every field is optional
    ignored = list(reading.ignored)
    for each in ignored:
        if each.names_target:
            raise InvalidRequest(
                f"field {each.field}: {each.problem}",
                field=each.field,
                suggested_action=f"correct {each.field}, or leave it out",
            )
    task = next(
        (value for name in _TASK_FIELDS if (value := getattr(model, name)) and value.strip()), None
    )
    if task is None:
        raise InvalidRequest(
            "the request needs a non-empty `task` (or `prompt`, or `instructions`)",
            field="task",
            suggested_action="give the task as `task`",
        )
    found = find_scope(model, ignored)
    ignored += found.ignored
    reported = {each.field for each in found.ignored}
    unknown_paths = unknown_fields(model, free=("metadata",))
    unread = [path for path in unknown_paths if path not in reported][:_MAX_UNKNOWN]
    intake, unknown = _intake(model)
    return TaskRequest(
        task=task,
        workspace=model.workspace,
        intake=intake,
        scope=None if found.scope is None else found.scope.to_scope(),
        scope_is_unclear=found.is_unclear,
        warnings=(
            *map(unknown_field_warning, unread),
            *(each.warning for each in ignored),
            *unknown,
        ),
    )


def _document(raw: bytes) -> tuple[str, dict[str, Any]]:
    try:
        text = read_document(raw)
    except NotUtf8 as exc:
        raise InvalidRequest(f"the request {exc}", suggested_action=exc.suggested_action) from exc
    try:
        document = from_json(text)
    except ValueError as exc:
        raise InvalidRequest(
            f"the request is not JSON: {exc}", suggested_action=_SEND_OBJECT
        ) from exc
    if not isinstance(document, dict):
        raise InvalidRequest("the request must be a JSON object", suggested_action=_SEND_OBJECT)
    return text, document


def _intake(model: RunRequestDocument) -> tuple[IntakePreference | None, tuple[RunWarning, ...]]:
    """Return the requested intake kind, and a warning if it is not a kind."""
    for field in _INTAKES:
        word = (value_at(model, field) or "").strip().lower()
        if word in list(IntakePreference):
            return IntakePreference(word), ()
        if word:
            text = f"{field} {word!r:.200} is not an intake kind; it was ignored"
            return None, (RunWarning("preference_ignored", text),)
    return None, ()
