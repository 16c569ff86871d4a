"""Where each fuzzer begins: what was recorded of the real tools, in the form its `check` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz import millrace_output

_FIXTURES = Path(__file__).parents[2] / "fixtures"
_JSON_FILES = {
    "closure-target.json": "closure-target",
    "mailbox-incoming.json": "mailbox",
    "mailbox-failed.json": "mailbox-archive",
    "normalized-idea.json": "idea",
    "events.jsonl": "event",
    "interventions.jsonl": "intervention",
    "invalid-artifacts.jsonl": "invalid-artifact",
}
_LOCK = {
    "owner_pid": 7,
    "owner_hostname": "host",
    "acquired_at": "2026-11-22T16:54:55.008299Z",
}
_SNAPSHOT = {
    "process_running": True,
    "stop_requested": False,
    "paused": False,
    "pause_sources": ["user"],
    "active_mode_id": "lad_pi",
    "active_runs_by_plane": {"execution": {"run_id": "run-1", "stage": "builder"}},
    "queue_depth_execution": 1,
}
_DOCUMENT = """# Blue

Task-ID: t-1
Created-At: 2026-01-02T03:04:05Z
Created-By: me

Target-Paths:
- .

Acceptance:
- a
- | a line of the request

Required-Checks:
- c

References:
- r

Risk:
- n
"""
_DECISION = '{"decision": "millrace", "intake_kind": "task", "why": "long", "signals": ["a"]}'
_ANSWERS = (
    f"I think:\n```json\n{_DECISION}\n```\n",
    "**Decision:** direct\n**Why:** it is small\n",
    f'{_DECISION} or {{"route": "direct"}}',
)
_ERRORS = (
    b"Warning: no such model\nError: No API key found for anthropic.\n",
    b'\x1b[31mError: 401 {"error": {"message": "invalid x-api-key"}}\x1b[0m\n',
    b"    at Module._load (node:internal/modules/cjs/loader:1)\nNode.js v20.1.0\n0.73.1\n",
)


def ops_requests() -> Iterator[bytes]:
    """Yield recorded requests, one whose names are not text, and a legacy one."""
    for path in sorted((_FIXTURES / "ops").glob("*.request.json")):
        yield path.read_bytes()
    named = dict.fromkeys(("request_id", "action", "client_name"), "half \ud800")
    yield json.dumps({**named, "metadata": {"session_id": "\udfff"}}).encode()
    scope = {"item_id": "A-1", "title": "t", "constraints": ["c"]}
    yield json.dumps(
        {"task": "Do it", "workspace": "/w", "intake_kind": "task", "scoped_work_item": scope}
    ).encode()


def pi_streams() -> Iterator[bytes]:
    """Yield streams of frames of old and new versions, answers and error output."""
    for version in (_old_turn(), _new_turn(), _failed_turn()):
        stream = b"".join(json.dumps(frame).encode() + b"\n" for frame in version)
        for form in (0, 1, 2, 17):
            yield bytes([form]) + stream
    for answer in _ANSWERS:
        yield bytes([4]) + answer.encode()
    for errors in _ERRORS:
        yield bytes([8]) + errors


def millrace_outputs() -> Iterator[bytes]:
    """Yield everything recorded of every version, for the parser that reads it."""
    for folder in sorted((_FIXTURES / "millrace").iterdir()):
        for path in sorted(folder.iterdir()):
            if path.name in _JSON_FILES:
                texts = [path.read_text(encoding="utf-8")]
                if path.suffix == ".jsonl":
                    texts = texts[0].splitlines()[:40]
                for text in texts:
                    yield _output(_JSON_FILES[path.name], text)
            elif path.name != "manifest.json":
                yield from _call(path.name, json.loads(path.read_bytes()))
    yield _output("lock", json.dumps(_LOCK))
    yield _output("snapshot", json.dumps(_SNAPSHOT))
    yield _output("document", _DOCUMENT)
    yield _output("event", '{"event_type": "x", "occurred_at": "2026-01-02T03:04:05"}')


def _call(name: str, recorded: dict[str, Any]) -> Iterator[bytes]:
    stdout, stderr = recorded["stdout"], recorded["stderr"]
    if recorded["exit_code"] != 0:
        yield _output("failure", f"{stdout}\0{stderr}")
    elif name.startswith("status"):
        yield _output("status", stdout)
    elif name.startswith("runs-trace"):
        yield _output("trace", stdout)
    else:
        yield _output("words", stdout)


def _output(parser: str, text: str) -> bytes:
    return bytes([list(millrace_output.PARSERS).index(parser)]) + text.encode()


def _message(text: str, stop: str = "stop", **more: str) -> dict[str, Any]:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
    message = {"role": "assistant", "content": content, "stopReason": stop, **more}
    return {"type": "message_end", "message": message}


def _state() -> dict[str, Any]:
    data = {"isStreaming": False, "isCompacting": False, "pendingMessageCount": 0}
    return {
        "type": "response",
        "command": "get_state",
        "success": True,
        "id": "prompt-1-1",
        "data": data,
    }


def _accepted(**data: str) -> dict[str, Any]:
    said = {"type": "response", "command": "prompt", "success": True, "id": "prompt-1"}
    return {**said, "data": data} if data else said


def _delta(**more: object) -> dict[str, Any]:
    event = {"type": "text_delta", "contentIndex": 0, "delta": 'so "it" \\ \u2028 \U0001f600'}
    return {"type": "message_update", "assistantMessageEvent": {**event, **more}}


def _old_turn() -> list[dict[str, Any]]:
    partial = {"partial": {"content": [{"type": "text", "text": "so"}]}}
    return [
        _accepted(),
        {"type": "agent_start"},
        _delta(**partial),
        _message("", "error", errorMessage="500"),
        {"type": "agent_end", "messages": []},
        {"type": "auto_retry_start", "attempt": 1},
        {"type": "agent_start"},
        {"type": "message_end", "message": {"role": "user", "content": "x"}},
        _message("the answer"),
        {"type": "auto_retry_end", "success": True},
        {"type": "agent_end", "messages": [], "willRetry": False},
        {"type": "compaction_start"},
        {"type": "compaction_end", "willRetry": False},
        _state(),
    ]


def _new_turn() -> list[dict[str, Any]]:
    return [
        {"type": "extension_ui_request", "id": "ui-1", "method": "confirm", "title": "?"},
        _accepted(disposition="started"),
        {"type": "agent_start"},
        _delta(),
        _message("the answer"),
        {"type": "agent_end"},
        {"type": "agent_settled"},
    ]


def _failed_turn() -> list[dict[str, Any]]:
    refused = {"type": "response", "command": "prompt", "success": False, "id": "prompt-1"}
    return [{**refused, "error": "No API key found for anthropic."}, {"type": "unheard_of"}]
