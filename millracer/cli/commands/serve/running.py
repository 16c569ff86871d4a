"""Find a running server, and print its link."""

from __future__ import annotations

import json

from millracer.cli.terminal.stdout import print_text
from millracer.errors import ExitCode, UsageError
from millracer.schemas.serve.result import TOKEN_FRAGMENT, ServeResult
from millracer.serve.settings import ServeSettings
from millracer.wiring import open_server_records


def print_link(*, as_json: bool) -> int:
    """Print the link of the first running server and return the exit code.

    Raises:
        UsageError: no server runs.
    """
    records = open_server_records().running()
    if not records:
        raise UsageError(
            "no server runs", suggested_action="start one with `millracer serve`", code="no_server"
        )
    show(describe(records[0]), as_json=as_json)
    return ExitCode.COMPLETED


def find_same(settings: ServeSettings) -> ServeResult | None:
    """Return a running server that does what the settings request; None without one."""
    if settings.allow_remote or settings.token_file is not None:
        return None
    socket = None if settings.socket is None else str(settings.socket.absolute())
    for record in open_server_records().running():
        result = describe(record)
        port = (result.url or "").rpartition(":")[2]
        if (
            result.read_only == settings.read_only
            and result.socket == socket
            and record.get("fleet") == settings.fleet
            and settings.port in {0, int(port) if port.isdigit() else -1}
            and set(settings.workspaces) <= set(record.get("workspaces") or ())
        ):
            return result
    return None


def describe(record: dict[str, object]) -> ServeResult:
    """Return the published form of a running server's record."""
    url, token = record.get("url"), record.get("token")
    known = {name: record.get(name) for name in ("url", "token", "socket", "pid", "started")}
    is_on_socket = record.get("socket") is not None
    return ServeResult.model_validate(
        {
            **known,
            "link": None if is_on_socket else f"{url}/{TOKEN_FRAGMENT}{token}",
            "read_only": record.get("read_only") is True,
        }
    )


def show(result: ServeResult, *, as_json: bool) -> None:
    """Print a running server with its token, which no other output contains."""
    if as_json:
        print_text(json.dumps(result.model_dump(mode="json"), indent=2))
    else:
        print_text(result.link or f"{result.socket} (token: {result.token})")
