"""`millracer serve` as a command: its link, a second one, its end, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from millracer.wiring import open_server_records
from tests.support.cli import wait_until
from tests.support.serving import Client, server_process


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `millracer serve` to its end."""
    return subprocess.run(
        (sys.executable, "-m", "millracer", "serve", *arguments),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def code_of(ran: subprocess.CompletedProcess[str]) -> str:
    code: str = json.loads(ran.stdout)["errors"][0]["code"]
    return code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_record(
    place: Path, state: Path, number: signal.Signals
) -> None:
    with server_process(state=state, cwd=place) as server:
        record = state / "serve.json"
        assert record.stat().st_mode & 0o777 == 0o600
        stored = json.loads(record.read_text())
        assert {"url", "pid", "started", "token"} <= stored.keys()
        assert stored["token"] == server.result.token
        with server.client.stream("/events") as stream:
            assert stream.event() is not None
            server.send(number)
            assert stream.frames("stream.closing")[-1]["event_type"] == "stream.closing"
        code, stderr = server.end()

    assert code == (143 if number is signal.SIGTERM else 130)
    assert "Traceback" not in stderr
    assert not record.exists()


def test_a_second_server_with_the_same_settings_prints_the_link_of_the_first(
    place: Path, state: Path
) -> None:
    with server_process(state=state, cwd=place) as server:
        again = command("--json", cwd=place)
        link = command("--link", cwd=place)
        with server_process("--read-only", state=state, cwd=place) as other:
            assert other.result.url != server.result.url
            assert other.client.get("/board").json["read_only"] is True
        still = command("--link", cwd=place)

    printed = json.loads(again.stdout)
    assert (again.returncode, printed["is_new"]) == (0, False)
    assert printed["link"] == server.result.link
    assert [link.returncode, link.stdout.strip()] == [0, server.result.link]
    assert still.stdout == link.stdout
    assert list(state.glob("serve*")) == []


def test_the_help_lists_the_options_of_the_server_first(place: Path) -> None:
    groups = [
        line for line in command("--help", cwd=place).stdout.splitlines() if "options:" in line
    ]

    assert groups[:2] == ["Server options:", "Task options:"]


def test_a_link_needs_a_running_server(place: Path) -> None:
    ran = command("--link", "--json", cwd=place)

    assert (ran.returncode, code_of(ran)) == (8, "no_server")


def test_the_record_of_a_killed_server_is_replaced(place: Path, state: Path) -> None:
    with server_process(state=state, cwd=place) as server:
        server.send(signal.SIGKILL)
        server.end()
    assert (state / "serve.json").exists()
    assert command("--link", cwd=place).returncode == 8

    with server_process(state=state, cwd=place) as server:
        assert json.loads((state / "serve.json").read_text())["token"] == server.result.token
        assert server.client.get("/board").status == 200


def test_a_read_only_server_leaves_lost_runs_to_the_next_one(place: Path, state: Path) -> None:
    state.mkdir()
    lost = state / "serve.runs"
    lost.write_text('[{"workspace": "/nowhere"}, 7]')

    with server_process("--read-only", state=state, cwd=place):
        assert lost.exists()
    with server_process(state=state, cwd=place) as server:
        assert server.client.get("/board").status == 200
        assert not lost.exists()


def test_the_lost_runs_of_a_workspace_that_is_not_served_are_kept_and_reported(
    place: Path, state: Path
) -> None:
    other = place.with_name("other")
    other.mkdir()
    state.mkdir()
    run = {
        "workspace": str(other),
        "work_item_id": "fix-it-0123456789abcdef0123",
        "request_id": "r1",
        "options": {},
    }
    (state / "serve.runs").write_text(json.dumps([run]))

    for starts in (1, 2):
        with server_process(state=state, cwd=place) as server:
            server.send(signal.SIGTERM)
            server.end()
        logged = (state / "logs" / "millracer.log").read_text()
        assert logged.count(f"--workspace {other}") == starts
        assert json.loads((state / "serve.lost").read_text()) == [run]

    with server_process("--workspace", str(other), state=state, cwd=place) as server:
        assert not (state / "serve.lost").exists()
        server.send(signal.SIGTERM)
        server.end()


def test_a_server_that_ends_its_runs_is_not_running_any_more(state: Path) -> None:
    records = open_server_records()
    record = records.hold()
    try:
        record.write({"url": "http://127.0.0.1:1", "pid": 1})
        assert len(records.running()) == 1
        record.write({"url": "http://127.0.0.1:1", "pid": 1, "is_stopping": True})
        assert records.running() == ()
    finally:
        record.remove()


def test_a_port_in_use_is_refused_with_the_next_step(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = command("--json", "--port", str(taken.getsockname()[1]), cwd=place)

    assert (ran.returncode, code_of(ran)) == (8, "port_taken")
    assert "--port" in json.loads(ran.stdout)["errors"][0]["suggested_action"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "0.0.0.0"),  # noqa: S104 - it is refused
        ("--host", "example.com"),
        ("--allow-remote",),
        ("--allow-remote", "--allowed-host", "box"),
        ("--allowed-host", "box"),
        ("--socket", "s", "--port", "8765"),
        ("--open", "--link"),
        ("--workspace", "missing"),
        ("--allow-remote", "--allowed-host", "box", "--token-file", "missing"),
        ("--allow-remote", "--allowed-host", "box", "--token-file", "open"),
        ("--allow-remote", "--allowed-host", "box", "--token-file", "short"),
        ("--socket", "public/s"),
        ("--socket", "missing/s"),
    ],
    ids=" ".join,
)
def test_unsafe_or_wrong_use_is_refused(place: Path, arguments: tuple[str, ...]) -> None:
    (place / "open").write_text("x" * 64)
    (place / "open").chmod(0o644)
    (place / "short").write_text("short")
    (place / "short").chmod(0o600)
    (place / "public").mkdir(mode=0o755)

    ran = command("--json", *arguments, cwd=place)

    assert ran.returncode == 2
    assert json.loads(ran.stdout)["errors"][0]["suggested_action"]


def test_the_socket_of_a_killed_server_is_replaced(place: Path, state: Path) -> None:
    (place / "private").mkdir(mode=0o700)
    arguments = ("--socket", str(place / "private" / "s"))
    with server_process(*arguments, state=state, cwd=place) as server:
        server.send(signal.SIGKILL)
        server.end()

    with server_process(*arguments, state=state, cwd=place) as server:
        assert Client(result=server.result).raw("GET", "/health", host="localhost").status == 200


@pytest.mark.parametrize("option", ["--read-only", "--keep-daemon"])
def test_install_prints_a_unit_and_installs_nothing(place: Path, option: str) -> None:
    before = sorted(Path(os.environ["HOME"]).rglob("*"))

    ran = command("--install", option, "--port", "8765", cwd=place)

    assert ran.returncode == 0
    assert "[Service]" in ran.stdout
    (start,) = [line for line in ran.stdout.splitlines() if line.startswith("ExecStart=")]
    assert start.endswith(f"serve {option} --port 8765")
    assert "--install" not in ran.stdout
    assert sorted(Path(os.environ["HOME"]).rglob("*")) == before


def test_a_missing_library_names_the_command_that_adds_it(place: Path, tmp_path: Path) -> None:
    hide = tmp_path / "hide.py"
    hide.write_text(
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: "
        "None if name == 'uvicorn' else find(name, *rest)\n"
        "sys.argv = ['millracer', 'serve', '--json']\n"
        "from millracer.cli.main import main\n"
        "main()\n"
    )

    ran = subprocess.run(
        (sys.executable, str(hide)), cwd=place, capture_output=True, timeout=60, check=False
    )

    error = json.loads(ran.stdout)["errors"][0]
    assert (ran.returncode, error["code"]) == (8, "extra_missing")
    assert error["suggested_action"] == "pip install 'millracer[serve]'"


def test_a_server_refuses_a_fleet_that_is_not_configured(place: Path) -> None:
    ran = command("--fleet", "missing", "--json", cwd=place)

    error = json.loads(ran.stdout)["errors"][0]
    assert (ran.returncode, error["code"]) == (2, "fleet_not_configured")
    assert "millracer fleet up --local --fleet missing" in error["suggested_action"]


def test_every_request_is_in_the_log_without_the_token(place: Path, state: Path) -> None:
    log = state / "logs" / "millracer.log"
    with server_process(state=state, cwd=place) as server:
        server.client.get(f"/board?token={server.result.token}")
        server.client.raw("GET", "/api/v1/workspaces", token="wrong-token")
        wait_until(lambda: log.exists() and "401" in log.read_text(), "requests are logged")
        text = log.read_text()

    assert "GET /api/v1/board 422" in text
    assert "GET /api/v1/workspaces 401" in text
    assert "token" not in text
