"""The JSON that `millracer ops --json` reads: one request of version v0.2 or v0.3.

The models are the only definition. A required field that cannot be used is refused with its path;
any other value that cannot be used is ignored and reported, and so is an unknown field. Null and
blank optional texts are absent, as in the reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field
from pydantic_core import ErrorDetails, from_json, to_json

from millracer.domain.operations import OpsVersion, actions_of, load
from millracer.domain.requests import ScopedWork
from millracer.errors import InvalidRequest
from millracer.schemas.base import (
    FilledInSchema,
    Incoming,
    OptionalText,
    ScopeModel,
    TargetName,
    Text,
    Texts,
    unknown_fields,
)
from millracer.schemas.encoding import NotUtf8, read_document
from millracer.schemas.lenient import IgnoredValue, read_leniently
from millracer.schemas.ops.limits import REQUEST_LIMIT_BYTES
from millracer.schemas.ops.payloads import EnqueuePayload, Payload, payload_of
from millracer.schemas.ops.preferences import IntakeWord, RouteWord
from millracer.schemas.run.options import FORBIDDEN_OPTIONS, OpsOptions
from millracer.schemas.scopes import SCOPES, find_scope

SCHEMA_VERSION: Final = "millracer.ops.v0.2"
SCHEMA_VERSION_V03: Final = "millracer.ops.v0.3"

#: How many fields of one request are reported; limits keep the result readable.
_MAX_REFUSALS = 20
_MAX_UNKNOWN = 100
_MAX_IGNORED = 100

_SEE_SCHEMA = {
    OpsVersion.V02: "see `millracer schema ops-request`",
    OpsVersion.V03: "see `millracer schema ops-request-v0.3`",
}
_OTHER_VERSION = f"send {SCHEMA_VERSION} or {SCHEMA_VERSION_V03}; {_SEE_SCHEMA[OpsVersion.V02]}"

_Payload = TypeVar("_Payload", bound=Payload)


class WorkspaceRef(Incoming):
    """The request's workspace; without id and path, the resolution rules determine it.

    Attributes:
        workspace_id: the id of a registered workspace, or `default`: the command's own. For an
            action on a fleet, the id in the fleet.
        root_path: the path of the workspace; relative to the command's current directory.
        display_name: copied to the result.
        runtime_kind: `local`, or `fleet` for the actions on a fleet; absent: that of the action.
        mode: the Millrace mode of delegated work.
        environment: copied to the result, and not used.
    """

    workspace_id: TargetName = None
    root_path: TargetName = None
    display_name: OptionalText = None
    runtime_kind: OptionalText = None
    mode: OptionalText = None
    environment: OptionalText = None


class SourceRef(Incoming):
    """Where the request comes from; for the caller's own records, except `trace_ref`.

    Attributes:
        kind: the kind of caller, such as `mission_control` or `script`.
        surface: the caller's user interface.
        adapter_id: the caller's adapter.
        conversation_id: the caller's conversation.
        message_id: the message in that conversation.
        parent_request_id: the request that led to this one.
        trace_ref: the caller's span as a W3C `traceparent`, the parent of an exported trace.
    """

    kind: Text
    surface: OptionalText = None
    adapter_id: OptionalText = None
    conversation_id: OptionalText = None
    message_id: OptionalText = None
    parent_request_id: OptionalText = None
    trace_ref: OptionalText = None


class ActorRef(Incoming):
    """The requester; for the caller's own records, and not used.

    Attributes:
        kind: the kind of requester, such as `human`.
        display_name: a name for people.
        actor_id: the requester's id.
        metadata: free fields of the caller.
    """

    kind: Text
    display_name: OptionalText = None
    actor_id: OptionalText = None
    metadata: dict[str, Any] | None = None


class OpsInput(Incoming):
    """The action's input: a text, or a payload whose fields the action reads.

    The payload's fields may also be given here directly, without `payload`.

    Attributes:
        kind: the caller's name for the kind of input; not used.
        text: the task of an `enqueue`.
        payload: the fields of the action.
    """

    kind: OptionalText = None
    text: str | None = None
    payload: dict[str, Any] | None = None


class ScopedWorkItem(ScopeModel, extra="allow", frozen=True):
    """The one entry of the caller's own queue that the request is about."""


class Metadata(Incoming):
    """Free fields of the caller; only these are read.

    Attributes:
        session_id: the session, where the payload does not name one.
        scoped_work_item: read where the request names no scoped item outside of it.
    """

    session_id: OptionalText = None
    scoped_work_item: ScopedWorkItem | None = None


class OpsRequest(Incoming):
    """One request to the local operations gateway.

    Attributes:
        schema_version: the format of this document.
        action: the action; docs/ops.md lists all.
        workspace_ref: the workspace.
        source: where the request comes from.
        input: the action's input.
        client_version: for the caller's own records, and not used.
        actor: the requester.
        scoped_work_item: the one entry of the caller's own queue that the request is about.
        work_item: the same as `scoped_work_item`, which counts first.
        scope: the same as `scoped_work_item`, if those are absent.
        scopedWorkItem: the same as `scoped_work_item`, if those are absent.
        workItem: the same as `scoped_work_item`, if those are absent.
        options: options of this run, before those of the command line.
        metadata: free fields of the caller.
        request_id: echoed; with the body it names an `enqueue` that nothing else names.
        client_name: names the session where neither payload nor metadata does.
        route_preference: who does the task of an `enqueue`. `status_only` and `inspect_only` name
            what other actions do, and choose nothing.
        intake_preference: the intake kind of an `enqueue`; `none` chooses nothing.
        expected_evidence: names the proof of a run has to carry: an event kind, a stage's terminal
            result, a run id, a work item id or a source. What is not met is listed as missing.
        context_refs: paths or addresses that belong to the task, passed on with it.
        idempotency_key: the same key is the same work.
    """

    schema_version: Literal["millracer.ops.v0.2"]
    request_id: Text
    action: Text
    workspace_ref: WorkspaceRef
    source: SourceRef
    input: OpsInput | None = None
    client_name: OptionalText = None
    client_version: OptionalText = None
    actor: ActorRef | None = None
    route_preference: RouteWord | None = None
    intake_preference: IntakeWord | None = None
    scoped_work_item: ScopedWorkItem | None = None
    work_item: ScopedWorkItem | None = None
    scope: ScopedWorkItem | None = None
    scopedWorkItem: ScopedWorkItem | None = None  # noqa: N815 - the key of another port
    workItem: ScopedWorkItem | None = None  # noqa: N815 - the key of another port
    expected_evidence: Texts = ()
    context_refs: Texts = ()
    options: OpsOptions | None = None
    metadata: Metadata | None = None
    idempotency_key: Annotated[str, Field(min_length=1, pattern=r"\S"), FilledInSchema] | None = (
        None
    )


#: The models by version. That of v0.3 is built for requests of that version only.
_MODELS: Final[Mapping[OpsVersion, str]] = MappingProxyType(
    {
        OpsVersion.V02: "millracer.schemas.ops.request:OpsRequest",
        OpsVersion.V03: "millracer.schemas.ops.request_v03:OpsRequestV03",
    }
)


def request_model(version: OpsVersion) -> type[OpsRequest]:
    """Return the model of a request of a version."""
    model: type[OpsRequest] = load(_MODELS[version])
    return model


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """A request and the payload fields that its action reads.

    Attributes:
        action: None for an unknown action.
        payload: for an unknown action only the session's name is read.
        payload_path: the path of the payload's fields in the request, with the last dot.
        unknown: the paths of unknown fields, up to a limit.
        ignored: the values that were ignored, up to a limit.
        unusable_targets: why the workspace, directory or item of the request cannot be determined;
            an action on a workspace is refused then.
        scope: the caller's own work item, None where none is usable.
        scope_is_unclear: whether the request names an unusable scope, or several.
    """

    request: OpsRequest
    action: str | None
    payload: Payload
    payload_path: str = "input.payload."
    unknown: tuple[str, ...] = ()
    ignored: tuple[IgnoredValue, ...] = ()
    unusable_targets: tuple[InvalidRequest, ...] = ()
    scope: ScopedWork | None = None
    scope_is_unclear: bool = False

    def payload_as(self, model: type[_Payload]) -> _Payload:
        """Return the payload as what its action reads it as."""
        if not isinstance(self.payload, model):
            raise TypeError(f"{self.action} has no {model.__name__}")
        return self.payload

    @property
    def version(self) -> OpsVersion:
        """The version of the request, and of its result."""
        return OpsVersion(self.request.schema_version)

    @property
    def session_id(self) -> str | None:
        """The session the request itself names."""
        metadata = self.request.metadata
        return self.payload.session_id or (None if metadata is None else metadata.session_id)

    @property
    def task(self) -> str | None:
        """The task text exactly as given, or None."""
        texts = [None if self.request.input is None else self.request.input.text]
        if isinstance(self.payload, EnqueuePayload):
            texts += [self.payload.task, self.payload.text]
        return next((text for text in texts if text is not None and text.strip()), None)


class InvalidOpsRequest(InvalidRequest):
    """The bytes are not a readable request.

    Attributes:
        refusals: every field that cannot be used and why, up to a limit.
        request_id: what it named itself, where that can be read; so are action and session.
        version: that of the result; v0.2 unless the request names v0.3.
    """

    def __init__(
        self, refusals: tuple[InvalidRequest, ...], document: dict[str, Any] | None = None
    ) -> None:
        first = refusals[0]
        super().__init__(first.message, field=first.field, suggested_action=first.suggested_action)
        self.refusals = refusals
        named = document or {}
        self.request_id = _text(named.get("request_id"))
        self.action = _text(named.get("action"))
        self.client_name = _text(named.get("client_name"))
        self.version = _version_of(named)
        metadata = named.get("metadata")
        self.session_id = _text(metadata.get("session_id")) if isinstance(metadata, dict) else None


def read_ops_request(raw: bytes) -> ReadRequest:
    """Read one request.

    Raises:
        InvalidOpsRequest: it is not one; the error names every field that is wrong.
    """
    text = _text_of(raw)
    document = _document(text)
    version = _version_of(document)
    read = read_leniently(request_model(version), text, document)
    request = read.model
    if request is None:
        raise InvalidOpsRequest(_refusals(read.refused, version), document)
    forbidden = FORBIDDEN_OPTIONS.intersection(
        request.options.model_extra or () if request.options else ()
    )
    if forbidden:
        raise InvalidOpsRequest(
            tuple(
                InvalidRequest(
                    f"field options.{name}: programs are chosen on the command line alone",
                    field=f"options.{name}",
                    suggested_action=f"leave options.{name} out",
                )
                for name in sorted(forbidden)
            ),
            document,
        )
    return read_request(request, document, read.ignored)


def _version_of(document: Mapping[str, Any]) -> OpsVersion:
    is_v03 = document.get("schema_version") == OpsVersion.V03
    return OpsVersion.V03 if is_v03 else OpsVersion.V02


def read_request(
    request: OpsRequest,
    document: dict[str, Any] | None = None,
    ignored: tuple[IgnoredValue, ...] = (),
) -> ReadRequest:
    """Read the payload of a request's action.

    Args:
        request: the request.
        document: identifies the request in errors.
        ignored: the values of the request that were ignored.

    Raises:
        InvalidOpsRequest: a required field of the payload cannot be used.
    """
    version = OpsVersion(request.schema_version)
    known = actions_of(version)
    action = request.action if request.action in known else None
    given = request.input or OpsInput()
    fields, path = given.payload, "input.payload."
    free = {"metadata"}
    if fields is None:
        fields, path = dict(given.model_extra or {}), "input."
        free.add("input")
    paths = SCOPES if request.schema_version == SCHEMA_VERSION else ("work_item_ref", *SCOPES)
    found = find_scope(request, ignored, paths=paths)
    reported = {each.field for each in found.ignored}
    unknown = [path for path in unknown_fields(request, free=free) if path not in reported]
    read = read_leniently(payload_of(action), to_json(fields), dict(fields), path)
    payload = read.model
    if payload is None:
        raise InvalidOpsRequest(_refusals(read.refused, version, path), document)
    targets = tuple(_refusal_of(each, version) for each in read.ignored if each.names_target)
    if targets:
        raise InvalidOpsRequest(targets, document)
    if action is not None:
        unknown += unknown_fields(payload, path)
    return ReadRequest(
        request=request,
        action=action,
        payload=payload,
        payload_path=path,
        unknown=tuple(unknown[:_MAX_UNKNOWN]),
        ignored=(*ignored, *found.ignored, *read.ignored)[:_MAX_IGNORED],
        unusable_targets=_unusable_targets(request, ignored),
        scope=None if found.scope is None else found.scope.to_scope(),
        scope_is_unclear=found.is_unclear,
    )


def _unusable_targets(
    request: OpsRequest, ignored: tuple[IgnoredValue, ...]
) -> tuple[InvalidRequest, ...]:
    """Return why the target cannot be determined; of id and path of a workspace, one is enough."""
    ref = request.workspace_ref
    is_named = ref.workspace_id is not None or ref.root_path is not None
    return tuple(
        _refusal_of(each, OpsVersion(request.schema_version))
        for each in ignored
        if each.names_target and not (is_named and each.field.startswith("workspace_ref."))
    )


def _refusal_of(ignored: IgnoredValue, version: OpsVersion) -> InvalidRequest:
    return InvalidRequest(
        f"field {ignored.field}: {ignored.problem}",
        field=ignored.field,
        suggested_action=_SEE_SCHEMA[version],
    )


def _text_of(raw: bytes) -> str:
    if len(raw) > REQUEST_LIMIT_BYTES:
        raise _unreadable(
            f"the request is larger than {REQUEST_LIMIT_BYTES // 2**20} MiB",
            "send less; a large text can be named in context_refs",
        )
    try:
        text = read_document(raw)
    except NotUtf8 as exc:
        raise _unreadable(f"the request {exc}", exc.suggested_action) from exc
    if not text.strip():
        raise _unreadable("the request is empty", "send one JSON object on standard input")
    return text


def _document(text: str) -> dict[str, Any]:
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as exc:
        refusal = InvalidRequest(
            f"the request cannot be read as JSON: {exc}", suggested_action="send one JSON object"
        )
        raise InvalidOpsRequest((refusal,), _document_of_others(text)) from exc
    if not isinstance(document, dict):
        raise _unreadable("the request is not a JSON object", "send one JSON object")
    return document


def _document_of_others(text: str) -> dict[str, Any] | None:
    """Read what is JSON only for others, such as NaN or half a surrogate pair, for its names."""
    try:
        document = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _unreadable(message: str, suggested_action: str) -> InvalidOpsRequest:
    return InvalidOpsRequest((InvalidRequest(message, suggested_action=suggested_action),))


def _refusals(
    wrong: tuple[ErrorDetails, ...], version: OpsVersion, path: str = ""
) -> tuple[InvalidRequest, ...]:
    refused: dict[str, InvalidRequest] = {}
    for entry in wrong:
        field = path + ".".join(str(part) for part in entry["loc"])
        refused.setdefault(
            field,
            InvalidRequest(
                f"field {field}: {entry['msg']}",
                field=field,
                suggested_action=(
                    _OTHER_VERSION if field == "schema_version" else _SEE_SCHEMA[version]
                ),
            ),
        )
    return tuple(refused.values())[:_MAX_REFUSALS]


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value.strip() or None
