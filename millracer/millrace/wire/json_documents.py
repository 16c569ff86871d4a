"""Models of Millrace's JSON output and files, as of 0.18.6 to 0.21.x.

Unused fields are ignored, so that a new key breaks nothing. A missing required field is a
`ProtocolError` that keeps the raw text. Models are frozen and never leave the adapters.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
)

from millracer.errors import ProtocolError

TOOL = "millrace"


def _make_aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


#: A time; without an offset it is read as UTC.
AwareTime = Annotated[datetime, AfterValidator(_make_aware)]


class Theirs(BaseModel):
    """Base of models of another program's data: unknown fields are ignored, values are frozen."""

    model_config = ConfigDict(extra="ignore", frozen=True)


_Model = TypeVar("_Model", bound=Theirs)
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def parse(model: type[_Model], text: str | bytes, what: str) -> _Model:
    """Parse one of Millrace's JSON documents.

    Args:
        model: the document's model.
        text: the JSON.
        what: the document's name for the error message.

    Raises:
        ProtocolError: the text is not JSON, or a required field is missing or of another type.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as exc:
        raise _build_error(text, what, exc) from exc


def parse_object(text: str | bytes, what: str) -> dict[str, JsonValue]:
    """Parse one JSON object that is passed through unchanged.

    Raises:
        ProtocolError: the text is not a JSON object.
    """
    try:
        return _OBJECT.validate_json(text)
    except ValidationError as exc:
        raise _build_error(text, what, exc) from exc


def _build_error(text: str | bytes, what: str, exc: ValidationError) -> ProtocolError:
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raw = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return ProtocolError(
        TOOL,
        f"cannot read {what} of Millrace: {where + ': ' if where else ''}{first['msg']}",
        raw=raw,
        suggested_action="install a supported version of millrace-ai",
    )


class StatusDocument(Theirs):
    """`status --format json`: the keys that every supported version prints."""

    workspace: str
    process_running: bool
    runtime_ownership_lock: str
    active_run_count: int
    active_stage: str | None
    active_work_item_kind: str | None
    active_work_item_id: str | None
    execution_queue_depth: int
    planning_queue_depth: int
    learning_queue_depth: int
    paused: bool
    pause_sources: str
    stop_requested: bool
    active_mode_id: str | None


class TraceNode(Theirs):
    """One stage of a run in its trace."""

    stage: str
    request_id: str | None = None
    work_item_kind: str | None = None
    work_item_id: str | None = None
    request_kind: str | None = None
    closure_target_root_spec_id: str | None = None
    terminal_result: str | None = None
    completed_at: AwareTime | None = None


class SpawnedWork(Theirs):
    """An item that a stage's result created."""

    kind: str
    item_id: str


class TraceEdge(Theirs):
    """The consequences of a stage's result."""

    outcome: str | None = None
    spawned_work: tuple[SpawnedWork, ...] = ()


class RunnerCompletion(Theirs):
    """How a stage's program ended: `runs/RUN/runner_completion.REQUEST.json`.

    Attributes:
        exit_kind: `completed`, or a kind of failure such as `runner_error` or `timeout`.
        notes: the program's messages, if it failed.
    """

    request_id: str
    exit_kind: str
    exit_code: int | None = None
    notes: tuple[str, ...] = ()


class StageTokens(Theirs):
    """The `token_usage` of a stage."""

    input_tokens: NonNegativeInt = 0
    cached_input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    thinking_tokens: NonNegativeInt = 0
    total_tokens: NonNegativeInt = 0


class StageMetadata(Theirs):
    """The `metadata` of a stage's result."""

    failure_class: str | None = None


class StageResult(Theirs):
    """How a stage ended: `runs/RUN/stage_results/REQUEST.json`. Paths are absolute."""

    run_id: str
    plane: str | None = None
    stage: str
    work_item_id: str
    terminal_result: str
    started_at: AwareTime
    completed_at: AwareTime
    duration_seconds: NonNegativeFloat
    report_artifact: str | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    runner_name: str | None = None
    model_name: str | None = None
    thinking_level: str | None = None
    token_usage: StageTokens | None = None
    metadata: StageMetadata = StageMetadata()


class RunnerInvocation(Theirs):
    """The start of a stage's program: `runs/RUN/runner_invocation.REQUEST.json`."""

    run_id: str
    stage: str
    emitted_at: AwareTime
    active_work_item_id: str | None = None
    closure_target_root_spec_id: str | None = None
    runner_name: str | None = None
    model_name: str | None = None
    thinking_level: str | None = None


class RunTrace(Theirs):
    """`runs trace RUN --format json`."""

    run_id: str
    status: str
    request_kind: str | None = None
    work_item_kind: str | None = None
    work_item_id: str | None = None
    closure_target_root_spec_id: str | None = None
    nodes: tuple[TraceNode, ...]
    edges: tuple[TraceEdge, ...] = ()


class EventData(Theirs):
    """The fields of an event that name work; each event type has only some of them."""

    plane: str | None = None
    stage: str | None = None
    run_id: str | None = None
    work_item_kind: str | None = None
    work_item_id: str | None = None
    terminal_result: str | None = None
    action: str | None = None
    reason: str | None = None
    failure_class: str | None = None
    idea_path: str | None = None
    spec_id: str | None = None
    error: str | None = None
    request_id: str | None = None


class EventLine(Theirs):
    """One line of `logs/runtime_events.jsonl`."""

    event_type: str
    occurred_at: AwareTime
    data: EventData = EventData()


class AddedDocument(Theirs):
    """The task, probe or spec inside a mailbox command."""

    task_id: str | None = None
    probe_id: str | None = None
    spec_id: str | None = None
    title: str | None = None
    references: tuple[str, ...] = ()


class AddPayload(Theirs):
    """The payload of an add command: a document, or an idea's text and file name."""

    document: AddedDocument | None = None
    source_name: str | None = None
    markdown: str | None = None


class MailboxEnvelope(Theirs):
    """A command that waits for the daemon: `mailbox/incoming/<command_id>.json[.claimed]`."""

    command_id: str
    command: str
    issued_at: AwareTime
    payload: AddPayload = AddPayload()


class MailboxArchive(Theirs):
    """A command the daemon has handled: `mailbox/{processed,failed}/<command_id>.json`.

    `envelope` is missing if the daemon could not read the command.
    """

    disposition: str
    archived_at: AwareTime
    envelope: MailboxEnvelope | None = None
    error: str | None = None


class NormalizedIdea(Theirs):
    """`intake/ideas/normalized/<spec id>.json` (0.21): the spec made from an idea."""

    spec_id: str
    source_path: str
    archived_source: str | None = None
    source_artifact: str | None = None


class Intervention(Theirs):
    """One line of an archive folder's `interventions.jsonl`: why an item was removed."""

    action: str
    work_item_id: str
    destination_path: str
    reason: str = ""
    actor: str = ""
    replacement_work_item_id: str | None = None


class InvalidArtifact(Theirs):
    """One line of a queue folder's `invalid-artifacts.jsonl`.

    0.18 to 0.20 write `error`, 0.21 `error_class` and `error_message`.
    """

    source_name: str
    error: str | None = None
    error_message: str | None = None


class ClosureTarget(Theirs):
    """`arbiter/targets/<root spec id>.json`: whether a lineage is closed."""

    root_spec_id: str
    closure_open: bool
    closure_blocked_by_lineage_work: bool = False
    blocking_work_ids: tuple[str, ...] = ()
    last_arbiter_run_id: str | None = None
