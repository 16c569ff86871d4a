"""Golden lines of `millracer mcp` on its pipes; `pytest --update-docs` writes them again.

Each file has one line for each request (`> `) and for each line that the server wrote (`< `).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millracer import __version__

FOLDER = Path(__file__).parents[3] / "fixtures" / "mcp"
_LIMIT_SECONDS = 60
_CLIENT = {"name": "client", "version": "1"}
_TASKS = "io.modelcontextprotocol/tasks"


def _meta(**capabilities: Any) -> dict[str, Any]:
    """Return what each request of a client without a session carries."""
    name = "io.modelcontextprotocol/"
    return {
        "_meta": {
            f"{name}protocolVersion": "2026-07-28",
            f"{name}clientInfo": _CLIENT,
            f"{name}clientCapabilities": capabilities,
        }
    }


def _call(tool: str, arguments: object, **more: Any) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": tool, "arguments": arguments, **more}


_LEGACY = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": _CLIENT}
_WITH_TASKS = _meta(extensions={_TASKS: {}})
#: The requests of each conversation, in order; a method without params is a notification.
CONVERSATIONS: dict[str, tuple[tuple[str, dict[str, Any] | None], ...]] = {
    "legacy": (
        ("initialize", _LEGACY),
        ("notifications/initialized", None),
        ("ping", {}),
        ("tools/list", {}),
        _call("status", {}),
        _call("status", {"nope": 1}),
        _call("delegate", {}),
        _call("nope", {}),
        ("tasks/get", {"taskId": "00000000.an-item"}),
        ("no/such/method", {}),
    ),
    "stateless": (
        ("server/discover", _meta()),
        ("tools/list", _meta()),
        _call("status", {}, **_meta()),
        _call("wait", {"work_item_id": 7}, **_meta()),
        ("tasks/get", {"taskId": "00000000.an-item", **_meta()}),
        ("tasks/get", {"taskId": "00000000.an-item", **_WITH_TASKS}),
        ("tasks/cancel", {"taskId": "no-handle", **_WITH_TASKS}),
    ),
}


def _requests(name: str) -> Iterator[dict[str, Any]]:
    for number, (method, params) in enumerate(CONVERSATIONS[name], start=1):
        if params is None:
            yield {"jsonrpc": "2.0", "method": method}
        else:
            yield {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _short(answer: dict[str, Any]) -> dict[str, Any]:
    """Reduce the list of tools to their names and hints: `docs/schemas` has their schemas."""
    result = answer.get("result", {})
    if "tools" in result:
        result["tools"] = [
            {key: each[key] for key in ("name", "annotations")} for each in result["tools"]
        ]
    return answer


def _converse(name: str, workspace: Path, state: Path) -> Iterator[str]:
    """Yield the lines of a conversation with a server on pipes."""
    command = (sys.executable, "-m", "millracer", "mcp", "--workspace", str(workspace))
    with subprocess.Popen(
        (*command, "--millrace-command", "no-such-millrace"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MILLRACER_STATE_DIR": str(state)},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            for request in _requests(name):
                print(json.dumps(request), file=server.stdin, flush=True)
                yield f"> {json.dumps(request)}\n"
                if "id" in request:
                    answer = json.loads(server.stdout.readline())
                    assert answer["id"] == request["id"]
                    yield f"< {json.dumps(_short(answer))}\n"
            rest, _ = server.communicate(timeout=_LIMIT_SECONDS)
            assert rest == ""
        finally:
            server.kill()


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_has_its_golden_lines(
    name: str, tmp_path: Path, *, update_docs: bool
) -> None:
    golden = FOLDER / f"{name}.ndjson"
    text = "".join(_converse(name, tmp_path, tmp_path / "state"))
    text = text.replace(str(tmp_path), "/workspace").replace(__version__, "<version>")
    if update_docs:
        golden.write_text(text, encoding="utf-8")

    assert text == golden.read_text(encoding="utf-8")


def test_no_golden_conversation_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(CONVERSATIONS)
