"""Serve a scripted language model on 127.0.0.1: a function returns each answer.

It implements only the streaming half of the OpenAI chat-completions protocol, which pi uses. The
demonstration and the tests use it instead of a paid model. It listens on the loopback interface
only and opens no connections itself. A responder decides the answers; this module is independent of
prompts.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

PROVIDER = "scripted"
MODEL_ID = "scripted-model"
#: The model's name in one word, for pi and Millrace.
MODEL_NAME = f"{PROVIDER}/{MODEL_ID}"

_HANG_SLICE_SECONDS = 0.1
_CHUNK_SIZE = 64
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class ReplyEnding(StrEnum):
    """What the server does after the content of a reply: finish, drop the connection, or hang."""

    FINISH = "finish"
    DROP = "drop"
    HANG = "hang"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request of pi to the model.

    Attributes:
        messages: the whole conversation as pi sent it.
        last_user_text: the text of the latest message of the user.
        system_text: the system prompt.
        tool_results: the results of tools after the latest message of the user, oldest first.
        tools: the names of the tools offered.
        raw: the request body.
    """

    messages: tuple[Mapping[str, object], ...]
    last_user_text: str
    system_text: str
    tool_results: tuple[str, ...]
    tools: tuple[str, ...]
    raw: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The model's reply to one request; create it with the methods below."""

    content: str = ""
    tool_name: str = ""
    tool_arguments: Mapping[str, object] = field(default_factory=dict)
    finish_reason: str = "stop"
    ending: ReplyEnding = ReplyEnding.FINISH
    error_status: int | None = None
    chunk_size: int = _CHUNK_SIZE
    delay_seconds: float = 0.0

    @classmethod
    def text(
        cls,
        content: str,
        *,
        finish_reason: str = "stop",
        chunk_size: int = _CHUNK_SIZE,
        delay_seconds: float = 0.0,
    ) -> Self:
        """Answer with text in chunks of `chunk_size` characters, with a delay before each chunk."""
        return cls(
            content=content,
            finish_reason=finish_reason,
            chunk_size=chunk_size,
            delay_seconds=delay_seconds,
        )

    @classmethod
    def tool_call(cls, name: str, arguments: Mapping[str, object], text: str = "") -> Self:
        """Request a tool call from pi, after the text, if any."""
        return cls(
            content=text, tool_name=name, tool_arguments=arguments, finish_reason="tool_calls"
        )

    @classmethod
    def error(cls, status: int, message: str) -> Self:
        """Refuse the request with an HTTP status and an error body."""
        return cls(content=message, error_status=status)

    @classmethod
    def hang(cls, text: str = "") -> Self:
        """Send the text, if any, then nothing until the server closes or the client disconnects."""
        return cls(content=text, ending=ReplyEnding.HANG)

    @classmethod
    def drop_after(cls, text: str) -> Self:
        """Send the text, then close the connection in the middle of the answer."""
        return cls(content=text, ending=ReplyEnding.DROP)


class ScriptedModel:
    """A context manager that serves the responder's replies while it is open.

    The responder is called from several threads at once. If it raises, the request is answered with
    status 500 and the first such error is raised again when the block ends.
    """

    def __init__(self, responder: Callable[[ModelRequest], Reply]) -> None:
        self._responder = responder
        self._lock = threading.Lock()
        self._requests: list[ModelRequest] = []
        self._failure: Exception | None = None
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="scripted-model",
            daemon=True,
        )

    @property
    def base_url(self) -> str:
        """The address for pi's `baseUrl`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def requests(self) -> tuple[ModelRequest, ...]:
        """All requests received so far, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    def answer(self, request: ModelRequest) -> Reply:
        """Record the request and return the responder's reply; called by the server's threads."""
        with self._lock:
            self._requests.append(request)
        try:
            return self._responder(request)
        except Exception as exc:  # noqa: BLE001 - any bug of a responder belongs to the block's owner
            with self._lock:
                self._failure = self._failure or exc
            return Reply.error(HTTPStatus.INTERNAL_SERVER_ERROR, f"the responder failed: {exc!r}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if exc is None and self._failure is not None:
            raise self._failure


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: ScriptedModel) -> None:
        self.model = model
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Serves one request per connection, so that the end of the connection ends the answer."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one chat completion; a client that disconnected is not an error."""
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with suppress(ConnectionError, TimeoutError):
            if not self.path.endswith("/chat/completions"):
                self._refuse(HTTPStatus.NOT_FOUND, f"no such endpoint: {self.path}")
                return
            try:
                request = _parse_request(body)
            except ValueError as exc:
                self._refuse(HTTPStatus.BAD_REQUEST, str(exc))
                return
            self._deliver(self.server.model.answer(request))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Log nothing: the model records the requests."""

    def _deliver(self, reply: Reply) -> None:
        if reply.error_status is not None:
            self._refuse(reply.error_status, reply.content)
            return
        if reply.ending is ReplyEnding.HANG and not reply.content:
            self._hang()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")
        self.end_headers()
        for delta in _deltas(reply):
            if reply.delay_seconds and self.server.closing.wait(reply.delay_seconds):
                return
            self._send(_chunk(delta=delta))
        match reply.ending:
            case ReplyEnding.FINISH:
                self._send(_chunk(finish_reason=reply.finish_reason))
                self._send(_chunk(usage=True))
                self.wfile.write(b"data: [DONE]\n\n")
            case ReplyEnding.HANG:
                self._hang()
            case ReplyEnding.DROP:
                return

    def _send(self, document: Mapping[str, object]) -> None:
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")
        self.wfile.flush()

    def _refuse(self, status: int, message: str) -> None:
        body = json.dumps({"error": {"message": message, "type": "scripted_error"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _hang(self) -> None:
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while not self.server.closing.wait(_HANG_SLICE_SECONDS):
            if poll.poll(0) and not self.connection.recv(1, socket.MSG_PEEK):
                return


def _deltas(reply: Reply) -> Iterator[Mapping[str, object]]:
    yield {"role": "assistant", "content": ""}
    for start in range(0, len(reply.content), reply.chunk_size):
        yield {"content": reply.content[start : start + reply.chunk_size]}
    if reply.tool_name:
        function = {"name": reply.tool_name, "arguments": json.dumps(dict(reply.tool_arguments))}
        yield {
            "tool_calls": [
                {
                    "index": 0,
                    "id": f"call_{uuid.uuid4().hex}",
                    "type": "function",
                    "function": function,
                }
            ]
        }


def _chunk(
    *,
    delta: Mapping[str, object] | None = None,
    finish_reason: str | None = None,
    usage: bool = False,
) -> Mapping[str, object]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason}
    document: dict[str, object] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": MODEL_ID,
        "choices": [] if usage else [choice],
    }
    if usage:
        document["usage"] = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return document


def _parse_request(body: bytes) -> ModelRequest:
    raw = json.loads(body)
    if not isinstance(raw, dict) or not isinstance(raw.get("messages"), list):
        raise ValueError("the body is not a chat-completions request")  # noqa: TRY004 - one kind
    if raw.get("stream") is not True:
        raise ValueError("only streamed completions are served")
    messages = tuple(message for message in raw["messages"] if isinstance(message, dict))
    users = [index for index, message in enumerate(messages) if message.get("role") == "user"]
    last_user = users[-1] if users else 0
    return ModelRequest(
        messages=messages,
        last_user_text=_text(messages[last_user]) if users else "",
        system_text="\n".join(
            _text(message) for message in messages if message.get("role") in {"system", "developer"}
        ),
        tool_results=tuple(
            _text(message) for message in messages[last_user:] if message.get("role") == "tool"
        ),
        tools=tuple(
            str(tool["function"]["name"]) for tool in raw.get("tools") or () if "function" in tool
        ),
        raw=raw,
    )


def _text(message: Mapping[str, object]) -> str:
    match message.get("content"):
        case str(text):
            return text
        case list(parts):
            return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
        case _:
            return ""


def write_agent_directory(path: Path, base_url: str) -> None:
    """Create a pi agent directory at `path` whose only model is the scripted one.

    Retries and compaction are enabled, with short delays.
    """
    path.mkdir(parents=True, exist_ok=True)
    models = {
        "providers": {
            PROVIDER: {
                "baseUrl": base_url,
                "api": "openai-completions",
                "apiKey": "scripted-key",
                "compat": {"supportsDeveloperRole": False, "supportsReasoningEffort": False},
                "models": [{"id": MODEL_ID, "contextWindow": 128000, "maxTokens": 4096}],
            }
        }
    }
    settings = {
        "retry": {"enabled": True, "maxRetries": 2, "baseDelayMs": 200},
        "compaction": {"enabled": True, "reserveTokens": 2000, "keepRecentTokens": 200},
        "defaultProvider": PROVIDER,
        "defaultModel": MODEL_ID,
    }
    (path / "models.json").write_text(json.dumps(models, indent=2) + "\n", encoding="utf-8")
    (path / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def agent_environment(agent_directory: Path, home: Path) -> dict[str, str]:
    """Return the variables with which pi uses only the scripted model and stays offline.

    Proxy variables are emptied instead of removed, so that the mapping can be merged into an
    environment. A newer pi lets Node cache compiled code, by default in the temporary folder.
    """
    proxies = {spelling: "" for name in _PROXY_VARIABLES for spelling in (name, name.lower())}
    return {
        "PI_CODING_AGENT_DIR": str(agent_directory),
        "HOME": str(home),
        "NODE_COMPILE_CACHE": str(home / "node-compile-cache"),
        "PI_OFFLINE": "1",
        "PI_TELEMETRY": "0",
        "PI_SKIP_VERSION_CHECK": "1",
        **proxies,
    }
