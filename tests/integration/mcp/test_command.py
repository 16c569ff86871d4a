"""`millracer mcp` as a command: its standard output, its end, what it prints and refuses."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LIMIT_SECONDS = 60
_DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def start(*arguments: str, state: Path) -> subprocess.Popen[str]:
    """Start the command with pipes."""
    return subprocess.Popen(
        (sys.executable, "-m", "millracer", "mcp", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MILLRACER_STATE_DIR": str(state)},
    )


def ran(*arguments: str, state: Path) -> tuple[int, str, str]:
    """Run the command to its end; return its exit code and both outputs."""
    with start(*arguments, state=state) as process:
        try:
            stdout, stderr = process.communicate(timeout=LIMIT_SECONDS)
        finally:
            process.kill()
    return process.returncode, stdout, stderr


@pytest.mark.parametrize(
    ("number", "code"), [(None, 0), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_the_server_ends_with_its_host(
    tmp_path: Path, number: signal.Signals | None, code: int
) -> None:
    with start("--workspace", str(tmp_path), state=tmp_path / "state") as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(_DISCOVER) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if number is not None:
                process.send_signal(number)
                process.wait(LIMIT_SECONDS)
            rest, _ = process.communicate(timeout=LIMIT_SECONDS)
        finally:
            process.kill()

    assert answer["result"]["serverInfo"]["name"] == "millracer"
    assert "scoped_completion" in answer["result"]["instructions"]
    assert (rest, process.returncode) == ("", code)


def test_each_configuration_starts_this_command(tmp_path: Path) -> None:
    check = "sh -c 'make test | tail \U0001f600'"
    given = ("--workspace", str(tmp_path), "--model", "p/m", "--check", check)
    given += ("--allow-control", "--runner", "here")
    printed = {}
    for client in ("claude", "codex", "cursor"):
        code, printed[client], stderr = ran(
            *given, "--print-config", client, state=tmp_path / "state"
        )
        assert (code, bool(stderr)) == (0, True)

    words = ["-m", "millracer", "mcp", "--workspace", str(tmp_path), "--model", "p/m"]
    words += ["--check", check]
    words += ["--allow-control", "--runner", "here"]
    codex = tomllib.loads(printed["codex"])["mcp_servers"]["millracer"]
    cursor = json.loads(printed["cursor"])["mcpServers"]["millracer"]
    assert codex["args"] == cursor["args"] == words
    assert Path(codex["command"]).is_absolute()
    assert shlex.split(printed["claude"]) == [
        *("claude", "mcp", "add", "millracer", "--", codex["command"]),
        *words,
    ]


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    hide = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: "
        "None if name == 'mcp' else find(name, *rest)\n"
        "sys.argv = ['millracer', 'mcp']\n"
        "from millracer.cli.main import main\n"
        "main()\n"
    )
    refused = subprocess.run(
        (sys.executable, "-c", hide),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert (refused.returncode, refused.stdout) == (8, "")
    assert "pip install 'millracer[mcp]'" in refused.stderr


def test_a_workspace_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    code, stdout, stderr = ran("--workspace", str(tmp_path / "no"), state=tmp_path / "state")

    assert (code, stdout) == (2, "")
    assert "is not a directory" in stderr
