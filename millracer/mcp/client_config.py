"""What users put where, so that their agent starts `millracer mcp`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from enum import StrEnum


class McpClient(StrEnum):
    """An agent that starts MCP servers."""

    CLAUDE = "claude"
    CODEX = "codex"
    CURSOR = "cursor"


def configure(client: McpClient, program: str, arguments: Sequence[str]) -> tuple[str, str]:
    """Return the configuration of a client, and a sentence that says where it belongs.

    Args:
        client: the agent.
        program: the absolute path of `millracer`.
        arguments: the words after it.
    """
    match client:
        case McpClient.CLAUDE:
            words = ["claude", "mcp", "add", "millracer", "--", program, *arguments]
            return shlex.join(words), "run this command in your project"
        case McpClient.CODEX:
            text = "\n".join(
                (
                    "[mcp_servers.millracer]",
                    f"command = {_toml(program)}",
                    f"args = [{', '.join(map(_toml, arguments))}]",
                    "startup_timeout_sec = 30",
                    "tool_timeout_sec = 120",
                )
            )
            return text, "add this to ~/.codex/config.toml"
        case McpClient.CURSOR:
            server = {"command": program, "args": list(arguments)}
            text = json.dumps({"mcpServers": {"millracer": server}}, indent=2)
            return text, "save this as .cursor/mcp.json in your project"


def _toml(text: str) -> str:
    """Return a string of TOML: like JSON's, but without surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
