"""What `pi --mode rpc` says on its standard output, as far as we use it.

Tolerant: unknown fields, frame types and message roles pass; a field we rely on that is missing is
a `ProtocolError` that keeps the raw text. Only shapes live here; what a sequence of frames means is
the business of `millracer.pi.turn`.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from millracer.errors import ProtocolError

TOOL = "pi"

_DIALOGS = frozenset({"select", "confirm", "input", "editor"})


class _Theirs(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class ModelData(_Theirs):
    """A model, and who offers it."""

    provider: str
    id: str


def _model_or_none(value: object) -> object:
    is_model = isinstance(_field(value, "provider"), str) and isinstance(_field(value, "id"), str)
    return value if is_model or isinstance(value, ModelData) else None


class StateData(_Theirs):
    """The payload of a `get_state` response: whether pi is at rest, and its model if it has one."""

    is_streaming: bool
    is_compacting: bool
    pending_message_count: int
    model: Annotated[ModelData | None, BeforeValidator(_model_or_none)] = None

    @property
    def is_idle(self) -> bool:
        """Whether pi itself says that nothing is running or waiting."""
        return not (self.is_streaming or self.is_compacting or self.pending_message_count)


class PromptData(_Theirs):
    """The payload of a `prompt` response, since 0.99."""

    disposition: str | None = None


class StateResponse(_Theirs):
    """A successful answer to `get_state`."""

    data: StateData
    id: str | None = None


class ModelsData(_Theirs):
    """The payload of a `get_available_models` response: the models pi has credentials for."""

    models: tuple[ModelData, ...]


class ModelsResponse(_Theirs):
    """A successful answer to `get_available_models`."""

    data: ModelsData


class Response(_Theirs):
    """Any other answer to a command; one that pi could not attribute has no id."""

    success: bool
    id: str | None = None
    command: str | None = None
    error: str | None = None
    data: PromptData | None = None


class AgentStart(_Theirs):
    """One attempt at the prompt begins."""


class AgentEnd(_Theirs):
    """One attempt at the prompt is over; there may be another."""

    will_retry: bool | None = None


class AgentSettled(_Theirs):
    """The prompt is over, all attempts and follow-ups included (since 0.80.4)."""


class RetryStart(_Theirs):
    """pi sleeps before it asks the model again."""


class RetryEnd(_Theirs):
    """pi stopped asking again, having succeeded or not."""

    success: bool


class CompactionStart(_Theirs):
    """pi shortens its context."""


class CompactionEnd(_Theirs):
    """The context is shortened, or that failed; `will_retry` announces another attempt."""

    will_retry: bool | None = None


class ContentBlock(_Theirs):
    """A part of a message; only text has a text."""

    type: str
    text: str | None = None


class AssistantMessage(_Theirs):
    """What the model said in one request, and why it stopped."""

    content: tuple[ContentBlock, ...]
    stop_reason: str
    error_message: str | None = None

    @property
    def text(self) -> str:
        """The visible text, without reasoning and tool calls."""
        return "".join(block.text or "" for block in self.content if block.type == "text")


class OtherMessage(_Theirs):
    """A message of a role whose content is nothing to us."""

    role: str


def _role_tag(value: object) -> str:
    is_assistant = isinstance(value, AssistantMessage) or _field(value, "role") == "assistant"
    return "assistant" if is_assistant else "other"


class MessageEnd(_Theirs):
    """A message is complete."""

    message: Annotated[
        Annotated[AssistantMessage, Tag("assistant")] | Annotated[OtherMessage, Tag("other")],
        Discriminator(_role_tag),
    ]


class UiRequest(_Theirs):
    """An extension shows something, or asks the user."""

    id: str
    method: str

    @property
    def blocks(self) -> bool:
        """Whether the run waits, for ever, until this is answered."""
        return self.method in _DIALOGS


class TextDelta(_Theirs):
    """A piece of the answer while it is being written."""

    delta: str


class OtherFrame(_Theirs):
    """A frame of a type that is nothing to us."""

    type: str


Frame: TypeAlias = (
    StateResponse
    | ModelsResponse
    | Response
    | AgentStart
    | AgentEnd
    | AgentSettled
    | RetryStart
    | RetryEnd
    | CompactionStart
    | CompactionEnd
    | MessageEnd
    | UiRequest
    | TextDelta
    | OtherFrame
)

_TAGS = {
    "response": "response",
    "agent_start": "agent_start",
    "agent_end": "agent_end",
    "agent_settled": "agent_settled",
    "auto_retry_start": "retry_start",
    "auto_retry_end": "retry_end",
    "compaction_start": "compaction_start",
    "compaction_end": "compaction_end",
    "auto_compaction_start": "compaction_start",
    "auto_compaction_end": "compaction_end",
    "message_end": "message_end",
    "extension_ui_request": "ui_request",
}
_ANSWERS = {"get_state": "state", "get_available_models": "models"}
#: The frame types worth parsing; every other one may be thrown away unread.
USED_TYPES = frozenset(_TAGS)


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _tag(value: object) -> str:
    kind = _field(value, "type")
    if kind == "response":
        command = _field(value, "command") if _field(value, "success") else None
        return _ANSWERS.get(command, "response") if isinstance(command, str) else "response"
    return _TAGS.get(kind, "other") if isinstance(kind, str) else "other"


_FRAME: TypeAdapter[Frame] = TypeAdapter(
    Annotated[
        Annotated[StateResponse, Tag("state")]
        | Annotated[ModelsResponse, Tag("models")]
        | Annotated[Response, Tag("response")]
        | Annotated[AgentStart, Tag("agent_start")]
        | Annotated[AgentEnd, Tag("agent_end")]
        | Annotated[AgentSettled, Tag("agent_settled")]
        | Annotated[RetryStart, Tag("retry_start")]
        | Annotated[RetryEnd, Tag("retry_end")]
        | Annotated[CompactionStart, Tag("compaction_start")]
        | Annotated[CompactionEnd, Tag("compaction_end")]
        | Annotated[MessageEnd, Tag("message_end")]
        | Annotated[UiRequest, Tag("ui_request")]
        | Annotated[OtherFrame, Tag("other")],
        Discriminator(_tag),
    ]
)


class UiCancelled(BaseModel):
    """What we answer to every question of an extension: nobody is there to ask."""

    model_config = ConfigDict(frozen=True)

    type: Literal["extension_ui_response"] = "extension_ui_response"
    id: str
    cancelled: Literal[True] = True


class Request(BaseModel):
    """A command without arguments."""

    model_config = ConfigDict(frozen=True)

    type: Literal["get_state", "get_available_models", "abort"]
    id: str


class PromptRequest(BaseModel):
    """The command that puts one prompt to the model."""

    model_config = ConfigDict(frozen=True)

    type: Literal["prompt"] = "prompt"
    id: str
    message: str


Outgoing: TypeAlias = Request | PromptRequest | UiCancelled


def parse_frame(line: bytes) -> Frame | None:
    """Return the frame a line holds, or None for a line that is no JSON object with a type.

    Raises:
        ProtocolError: a frame we know lacks something we rely on.
    """
    try:
        return _FRAME.validate_json(line)
    except ValidationError as exc:
        if exc.errors(include_url=False)[0]["type"] != "json_invalid":
            _raise_if_known(line, exc)
            return None
    readable = _without_lone_surrogates(line)
    if readable is None:
        return None
    try:
        return _FRAME.validate_json(readable)
    except ValidationError as exc:
        _raise_if_known(line, exc)
        return None


def render_command(command: Outgoing) -> bytes:
    """Return the line, LF included, that sends a command."""
    return json.dumps(command.model_dump()).encode() + b"\n"


def _raise_if_known(line: bytes, exc: ValidationError) -> None:
    error = exc.errors(include_url=False)[0]
    if error["loc"][:1] in {(), ("other",)}:
        return
    where = ".".join(str(part) for part in error["loc"])
    raise ProtocolError(
        TOOL,
        f"pi sent a message that does not fit its protocol ({where}: {error['msg']})",
        raw=line.decode("utf-8", "replace"),
        suggested_action="check which version `pi` on PATH is",
    ) from exc


def _without_lone_surrogates(line: bytes) -> bytes | None:
    """Make JSON with half a surrogate pair, as JavaScript writes it, readable; None if no JSON."""
    try:
        document = json.loads(line)
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None
