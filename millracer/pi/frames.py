"""Models of the `pi --mode rpc` frames that Millracer uses, and of the commands it sends.

Tolerant: unknown fields, frame types and message roles are accepted. A missing required field is a
`ProtocolError` that keeps the raw text. `millracer.pi.turn` interprets the sequence of frames.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    NonNegativeFloat,
    NonNegativeInt,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from millracer.errors import ProtocolError

TOOL = "pi"

_DIALOGS = frozenset({"select", "confirm", "input", "editor"})


class _Incoming(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


def _text_or_none(value: object) -> object:
    return value if isinstance(value, str) and value else None


class ModelData(_Incoming):
    """A model, its provider, and the URL of the provider's server if pi reports it."""

    provider: str
    id: str
    name: str | None = None
    base_url: Annotated[str | None, BeforeValidator(_text_or_none)] = None


def _model_or_none(value: object) -> object:
    is_model = isinstance(_field(value, "provider"), str) and isinstance(_field(value, "id"), str)
    return value if is_model or isinstance(value, ModelData) else None


class StateData(_Incoming):
    """The payload of a `get_state` response: whether pi is idle, and its model if it has one."""

    is_streaming: bool
    is_compacting: bool
    pending_message_count: int
    model: Annotated[ModelData | None, BeforeValidator(_model_or_none)] = None

    @property
    def is_idle(self) -> bool:
        """Whether pi reports that nothing is running or queued."""
        return not (self.is_streaming or self.is_compacting or self.pending_message_count)


class PromptData(_Incoming):
    """The payload of a `prompt` response, since 0.99."""

    disposition: str | None = None


class StateResponse(_Incoming):
    """A successful answer to `get_state`."""

    data: StateData
    id: str | None = None


class ModelsData(_Incoming):
    """The payload of a `get_available_models` response: the models pi has credentials for."""

    models: tuple[ModelData, ...]


class ModelsResponse(_Incoming):
    """A successful answer to `get_available_models`."""

    data: ModelsData


class Response(_Incoming):
    """Any other answer to a command; without an id if pi could not attribute it."""

    success: bool
    id: str | None = None
    command: str | None = None
    error: str | None = None
    data: PromptData | None = None


class AgentStart(_Incoming):
    """One attempt at the prompt begins."""


class AgentEnd(_Incoming):
    """One attempt at the prompt is over; there may be another."""

    will_retry: bool | None = None


class AgentSettled(_Incoming):
    """The prompt is over, all attempts and follow-ups included (since 0.80.4)."""


class RetryStart(_Incoming):
    """pi waits before it sends the request to the model again."""


class RetryEnd(_Incoming):
    """pi stopped retrying, with or without success."""

    success: bool


class CompactionStart(_Incoming):
    """pi shortens its context."""


class CompactionEnd(_Incoming):
    """The context is shortened, or that failed; `will_retry` announces another attempt."""

    will_retry: bool | None = None


class ContentBlock(_Incoming):
    """A part of a message; `text` is set for text only, `name` and `arguments` for a tool call."""

    type: str
    text: str | None = None
    name: object = None
    arguments: object = None


class CostData(_Incoming):
    """The price of a message in dollars; 0 if pi does not know the model's price."""

    total: NonNegativeFloat


class UsageData(_Incoming):
    """The tokens of a message; `input` excludes what was read from the cache."""

    input: NonNegativeInt
    output: NonNegativeInt
    cache_read: NonNegativeInt = 0
    cache_write: NonNegativeInt = 0
    cost: CostData | None = None


def _usage_or_none(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    try:
        return validate(value)
    except ValidationError:
        return None


class AssistantMessage(_Incoming):
    """The model's answer to one request, why it stopped and what it used, if that is readable."""

    content: tuple[ContentBlock, ...]
    stop_reason: str
    error_message: str | None = None
    provider: str | None = None
    model: str | None = None
    usage: Annotated[UsageData | None, WrapValidator(_usage_or_none)] = None

    @property
    def text(self) -> str:
        """The visible text, without reasoning and tool calls."""
        return "".join(block.text or "" for block in self.content if block.type == "text")

    @property
    def tool_calls(self) -> tuple[ContentBlock, ...]:
        """The tools that pi uses next."""
        return tuple(
            block
            for block in self.content
            if block.type == "toolCall" and isinstance(block.name, str)
        )


class OtherMessage(_Incoming):
    """A message of another role; its content is not used."""

    role: str


def _role_tag(value: object) -> str:
    is_assistant = isinstance(value, AssistantMessage) or _field(value, "role") == "assistant"
    return "assistant" if is_assistant else "other"


class MessageEnd(_Incoming):
    """A message is complete."""

    message: Annotated[
        Annotated[AssistantMessage, Tag("assistant")] | Annotated[OtherMessage, Tag("other")],
        Discriminator(_role_tag),
    ]


class UiRequest(_Incoming):
    """An extension shows something or opens a dialog."""

    id: str
    method: str

    @property
    def blocks(self) -> bool:
        """Whether pi waits, without a limit, until this is answered."""
        return self.method in _DIALOGS


class TextDelta(_Incoming):
    """A piece of the answer while it is being written."""

    delta: str


class OtherFrame(_Incoming):
    """A frame of any other type; it is not used."""

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
#: The frame types that are parsed; every other one may be discarded unread.
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
    """The answer to every dialog of an extension: cancelled, as there is no user to ask."""

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
    """The command that sends one prompt to the model."""

    model_config = ConfigDict(frozen=True)

    type: Literal["prompt"] = "prompt"
    id: str
    message: str


Outgoing: TypeAlias = Request | PromptRequest | UiCancelled


def parse_frame(line: bytes) -> Frame | None:
    """Return the frame in a line, or None for a line that is not a JSON object with a type.

    Raises:
        ProtocolError: a frame of a known type lacks a required field.
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
    """Return a command as one line, including its LF."""
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
        suggested_action="check the version of pi with `millracer doctor`",
    ) from exc


def _without_lone_surrogates(line: bytes) -> bytes | None:
    """Replace lone surrogates, which JavaScript writes, in JSON; return None if it is not JSON."""
    try:
        document = json.loads(line)
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None
