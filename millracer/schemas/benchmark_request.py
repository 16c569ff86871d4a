"""The legacy one-shot request that `run --benchmark-json` reads from standard input.

As in the reference, a value that cannot be used is ignored, and so are unknown fields; null means
absent. Of several task texts, the first of `task`, `prompt`, `instructions` counts, and of several
scopes the first. An unusable `workspace` is refused, since it decides where the work is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import from_json

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.errors import InvalidRequest, RunWarning
from millracer.schemas.base import ScopeModel
from millracer.schemas.encoding import NotUtf8, read_document
from millracer.schemas.lenient import NAMES_TARGET, IgnoredValue, read_leniently

_SEND_OBJECT = "send one JSON object, in UTF-8, on standard input"
_SCOPES = ("scoped_work_item", "work_item", "scope", "metadata.scoped_work_item")
_TASK_FIELDS = ("task", "prompt", "instructions")
_INTAKES = ("intake_kind", "metadata.intake_kind")

_Path = Annotated[
    Annotated[str, StringConstraints(min_length=1, pattern=r"\S")] | None,
    BeforeValidator(lambda value: value or None if isinstance(value, str) else value),
    NAMES_TARGET,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRequest:
    """A legacy request.

    Attributes:
        scope: the scoped item, None where none is usable.
        scope_is_unclear: the request names an unusable scope, or several.
        warnings: the values that were ignored.
    """

    task: str
    workspace: str | None
    intake: IntakePreference | None
    scope: ScopedWork | None
    scope_is_unclear: bool = False
    warnings: tuple[RunWarning, ...] = ()


class _MetadataModel(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    intake_kind: str | None = None
    scoped_work_item: ScopeModel | None = None


class _RequestModel(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    task: str | None = None
    prompt: str | None = None
    instructions: str | None = None
    workspace: _Path = None
    intake_kind: str | None = None
    scoped_work_item: ScopeModel | None = None
    work_item: ScopeModel | None = None
    scope: ScopeModel | None = None
    metadata: _MetadataModel | None = None

    def at(self, path: str) -> Any:
        """Return the value at a path, None where it is absent."""
        part, _, inner = path.partition(".")
        value = getattr(self, part)
        return getattr(value, inner) if inner and value is not None else value


def parse_benchmark_request(raw: bytes) -> BenchmarkRequest:
    """Read the legacy request.

    Raises:
        InvalidRequest: it is not a JSON object, has no task, or its workspace cannot be used.
    """
    text, document = _document(raw)
    reading = read_leniently(_RequestModel, text, document)
    model = reading.model or _RequestModel()  # every field is optional
    ignored = list(reading.ignored)
    for each in ignored:
        if each.names_target:
            raise InvalidRequest(
                f"field {each.field}: {each.problem}",
                field=each.field,
                suggested_action=f"correct {each.field}, or leave it out",
            )
    task = next(
        (value for name in _TASK_FIELDS if (value := model.at(name)) and value.strip()), None
    )
    if task is None:
        raise InvalidRequest(
            "the request needs a non-empty `task` (or `prompt`, or `instructions`)",
            field="task",
            suggested_action="give the task as `task`",
        )
    scope: ScopeModel | None = next(filter(None, map(model.at, _SCOPES)), None)
    ignored += _other_scopes(model, scope)
    intake, unknown = _intake(model)
    return BenchmarkRequest(
        task=task,
        workspace=model.workspace,
        intake=intake,
        scope=None if scope is None else scope.to_scope(),
        scope_is_unclear=any(each.field in _SCOPES and each.value for each in ignored),
        warnings=(*(each.warning for each in ignored), *unknown),
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


def _other_scopes(model: _RequestModel, used: ScopeModel | None) -> Iterator[IgnoredValue]:
    """Yield the scopes that differ from the one that is used."""
    for path in _SCOPES:
        value = model.at(path)
        if value is not None and value != used:
            problem = "the request names another scoped item before it"
            yield IgnoredValue(field=path, value=value, problem=problem)


def _intake(model: _RequestModel) -> tuple[IntakePreference | None, tuple[RunWarning, ...]]:
    """Return the requested intake kind, and a warning if it is not a kind."""
    for field in _INTAKES:
        word = (model.at(field) or "").strip().lower()
        if word in list(IntakePreference):
            return IntakePreference(word), ()
        if word:
            text = f"{field} {word!r:.200} is not an intake kind; it was ignored"
            return None, (RunWarning("preference_ignored", text),)
    return None, ()
