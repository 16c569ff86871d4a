"""`millracer ops --jsonl` as a process: requests one a line, results one a line."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from millracer.cli.commands.ops.jsonl_server import MOST_UNDER_WAY
from tests.support.cli import wait_until
from tests.support.fake_millrace import FakeMillrace
from tests.support.millrace_install import lay_out
from tests.support.ops_cli import DELEGATED, OpsCaller, request
from tests.support.ops_lines import conversation

_RECORDED = Path(__file__).parents[3] / "fixtures" / "millrace" / "0.21.1"
_PROGRAM = Path(__file__).parents[2] / "children" / "fake_millrace.py"
_NEARLY_FULL = 48 * 1024


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    millrace = lay_out(tmp_path / "venv", _PROGRAM)
    return OpsCaller(
        cwd=cwd,
        state=tmp_path / "state",
        options=("--pi-command", "/nowhere/pi", "--millrace-command", str(millrace)),
        forks=True,
    )


@pytest.fixture
def workspace(tmp_path: Path, caller: OpsCaller) -> Path:
    """A workspace whose Millrace prints its status and nothing else."""
    root = tmp_path / "workspace"
    fake = FakeMillrace.beside(root)
    (root / "millrace-agents" / "state").mkdir(parents=True)
    (root / "millrace-agents" / "state" / "runtime_snapshot.json").write_text("{}")
    caller.environment = {"FAKE_MILLRACE": str(fake.script)}
    fake.replays("status --format json", _RECORDED / "status-fresh.json")
    return root


def at(root: Path) -> dict[str, Any]:
    return {"workspace_ref": {"root_path": str(root)}}


def codes(result: dict[str, Any]) -> list[str]:
    return [error["code"] for error in result["errors"]]


def no_times(result: dict[str, Any]) -> dict[str, Any]:
    compat = result.get("raw_compat")
    if compat is not None:
        result = {**result, "raw_compat": {**compat, "timings": None}}
    return {key: value for key, value in result.items() if not key.endswith("_at")}


# what comes back


def test_every_line_has_its_result_and_the_end_of_input_is_the_end(caller: OpsCaller) -> None:
    body = b"\n".join(
        [
            request("list_sessions", request_id="one"),
            b"",
            b"{",
            b"  \t",
            b'{"request_id": "bad", "action": "status"}',
            b"\xff",
            request("explode", request_id="unknown"),
            request("list_workspaces", request_id="no end of line"),
        ]
    )

    printed = caller.run("ops", "--jsonl", stdin=body)

    results = [json.loads(line) for line in printed.stdout.splitlines()]
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert sorted((str(each["request_id"]), *codes(each)[:1]) for each in results) == [
        ("None", "invalid_request"),
        ("None", "invalid_request"),
        ("bad", "invalid_request"),
        ("no end of line",),
        ("one",),
        ("unknown", "unsupported_action"),
    ]


@pytest.mark.parametrize("body", [b"", b"\n \n"], ids=["nothing", "blanks"])
def test_an_empty_stream_of_requests_has_no_answers(caller: OpsCaller, body: bytes) -> None:
    printed = caller.run("ops", "--jsonl", stdin=body)

    assert (printed.exit_code, printed.stdout, printed.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "list_workspaces"},
        {"action": "explode", "surprise": 1},
        {"action": "status", "workspace_ref": {"root_path": "gone"}},
        {"action": "enqueue", "workspace_ref": {"root_path": "."}, "input": {"text": "x"}},
    ],
    ids=lambda fields: fields["action"],
)
def test_a_result_is_the_one_that_json_gives(caller: OpsCaller, fields: dict[str, Any]) -> None:
    body = request(**fields)

    alone = caller.send(body)
    line = caller.run("ops", "--jsonl", *caller.options, stdin=body + b"\n")

    assert line.stdout.count("\n") == 1
    assert no_times(json.loads(line.stdout)) == no_times(alone.document)


def test_results_are_one_line_of_ascii_whatever_the_request_says(caller: OpsCaller) -> None:
    with conversation(caller) as talk:
        result = talk.ask("explode", "ünï\n\u2028x")

        assert result["request_id"] == "ünï\n\u2028x"
        assert talk.end() == 0


def test_of_a_line_that_is_too_long_the_rest_is_passed_over(caller: OpsCaller) -> None:
    with conversation(caller) as talk:
        talk.running.says(b"x" * (16 * 1024 * 1024 + 1))
        refused = talk.next()  # before the line has ended
        talk.running.says(b"x" * 1_000_000 + b"\n")
        after = talk.ask("list_sessions", "after")

        assert "16 MiB" in refused["errors"][0]["message"]
        assert after["status"] == "succeeded"
        assert talk.end() == 0
        assert talk.rest() == []


def test_requests_are_remembered_each_in_its_session(caller: OpsCaller) -> None:
    with conversation(caller) as talk:
        for number in range(30):
            talk.say("list_workspaces", f"r{number}", client_name=f"client-{number % 3}")
        results = [talk.next() for _ in range(30)]
        session = talk.ask("inspect_session", "last", metadata={"session_id": "client-1"})

    assert [each["warnings"] for each in results] == [[]] * 30
    remembered = session["result"]["session"]["recent_request_ids"]
    assert sorted(remembered) == sorted(f"r{number}" for number in range(1, 30, 3))


# the command line


@pytest.mark.parametrize(
    "arguments", [["--jsonl", "--json"], ["--jsonl", "--nope"], ["--jsonl", "--route", "sideways"]]
)
def test_wrong_use_is_one_line(caller: OpsCaller, arguments: list[str]) -> None:
    printed = caller.run("ops", *arguments, stdin=request("list_sessions"))

    assert (printed.exit_code, printed.stdout.count("\n")) == (2, 1)
    assert printed.error_codes == ["usage"]


def test_a_line_of_v02_has_no_stream(caller: OpsCaller) -> None:
    printed = caller.run("ops", "--jsonl", "--stream-json", stdin=request("list_sessions"))

    assert (printed.exit_code, printed.error_codes) == (0, ["unsupported_transport"])


# the status


def test_a_status_is_read_once_and_says_so_until_something_changes(
    caller: OpsCaller, workspace: Path
) -> None:
    fake = FakeMillrace.of(workspace)
    wait_until(lambda: _settled(workspace), "the file system's clock goes on")
    with conversation(caller) as talk:
        first = talk.ask("status", "first", **at(workspace))
        second = talk.ask("status", "second", **at(workspace))
        asked = list(fake.asked)
        (workspace / "millrace-agents" / "millrace.toml").write_text("changed")
        third = talk.ask("status", "third", **at(workspace))
        other = talk.ask("list_sessions", "other")

    fresh, kept, again = (each["result_freshness"] for each in (first, second, third))
    assert asked == ["status --format json"]
    assert fake.asked == asked * 2
    assert [each["unchanged_since_read"] for each in (fresh, kept, again)] == [False, True, False]
    assert kept["read_at"] == fresh["read_at"] < second["started_at"] < again["read_at"]
    assert second["result"] == first["result"]
    assert "result_freshness" not in other


def test_json_keeps_no_status_and_says_nothing_of_it(caller: OpsCaller, workspace: Path) -> None:
    assert "result_freshness" not in caller.ask("status", **at(workspace)).document


def _settled(root: Path) -> bool:
    """Whether the clock that stamps files is well past the workspace's last change."""
    newest = max(path.stat().st_ctime_ns for path in [root, *root.rglob("*")])
    probe = root.parent / "probe"
    probe.write_text("")
    found = probe.stat().st_ctime_ns
    probe.unlink()
    return found - newest > 500_000_000


# side by side


def test_a_slow_request_delays_no_other(caller: OpsCaller, workspace: Path) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("status", seconds=120)
    with conversation(caller) as talk:
        talk.say("status", "slow", **at(workspace))
        wait_until(lambda: len(fake.asked) == 1, "Millrace is asked")

        assert talk.ask("list_sessions", "quick")["status"] == "succeeded"

        talk.send(signal.SIGTERM)
        assert codes(talk.result_of("slow")) == ["cancelled"]


def test_more_requests_than_can_be_under_way_are_all_answered(
    caller: OpsCaller, workspace: Path
) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("status", once=True, seconds=3, exit_code=1)
    fake.replays("status --format json", _RECORDED / "status-fresh.json")
    most = MOST_UNDER_WAY
    with conversation(caller) as talk:
        for number in range(most + 20):
            talk.say("status", f"s{number}", **at(workspace))
        talk.say("list_sessions", "last")
        assert talk.process.stdin is not None
        talk.process.stdin.close()
        talk.process.stdin = None

        results = talk.rest()

    assert talk.exit_code() == 0
    assert {each["request_id"] for each in results} == {
        "last",
        *(f"s{number}" for number in range(most + 20)),
    }
    assert len(results) == most + 21


def test_a_slow_reader_slows_the_server_down_and_loses_nothing(caller: OpsCaller) -> None:
    reader, writer = os.pipe()  # of 64 KiB, a third of what there is to say
    many = 300
    body = b"".join(request("list_sessions", request_id=f"r{at}") + b"\n" for at in range(many))
    process = subprocess.Popen(
        _command("ops", "--jsonl"),
        cwd=caller.cwd,
        env={**os.environ, "MILLRACER_STATE_DIR": str(caller.state)},
        stdin=subprocess.PIPE,
        stdout=writer,
    )
    os.close(writer)
    try:
        assert process.stdin is not None
        process.stdin.write(body)
        process.stdin.close()
        wait_until(lambda: _readable(reader) > _NEARLY_FULL, "the pipe is full")
        with os.fdopen(reader, "rb") as results:
            found = [json.loads(line)["request_id"] for line in results]
        exit_code = process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert exit_code == 0
    assert sorted(found) == sorted(f"r{number}" for number in range(many))


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "millracer", *arguments)


def _readable(descriptor: int) -> int:
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4), "little")


# endings


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)],
    ids=["INT", "TERM", "HUP"],
)
def test_a_signal_cancels_everything_and_each_has_its_result(
    caller: OpsCaller, workspace: Path, tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    fake = FakeMillrace.of(workspace)
    other = tmp_path / "other"
    (other / "millrace-agents").mkdir(parents=True)
    fake.script.write_text(json.dumps([{"argv": [], "seconds": 120}]), encoding="utf-8")
    task = {**DELEGATED, "input": {"text": "Make it blue"}}
    with conversation(caller) as talk:
        talk.say("status", "status", **at(workspace))
        talk.say("status", "behind it", **at(workspace))
        talk.say("enqueue", "task", **task, **at(other))
        wait_until(lambda: len(fake.asked) == 2, "Millrace is asked in both workspaces")
        talk.send(number)
        results = {each["request_id"]: each for each in talk.rest()}

    assert talk.exit_code() == exit_code
    assert {key: each["status"] for key, each in results.items()} == {
        "status": "cancelled",
        "behind it": "cancelled",
        "task": "cancelled",
    }
    assert results["status"]["workspace_ref"]["root_path"] == str(workspace)


def test_a_signal_while_nothing_is_asked_ends_it_without_a_word(caller: OpsCaller) -> None:
    with conversation(caller) as talk:
        talk.ask("list_sessions", "first")
        talk.running.says(b'{"half a line": ')
        talk.send(signal.SIGINT)

        assert talk.exit_code() == 130
        assert talk.rest() == []


def test_lines_that_were_read_before_a_signal_have_their_results(
    caller: OpsCaller, workspace: Path
) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("status", seconds=120)
    with conversation(caller) as talk:
        # In one write, so that they are read at once.
        talk.running.says(
            b"".join(
                request("status", request_id=f"s{number}", **at(workspace)) + b"\n"
                for number in range(MOST_UNDER_WAY + 10)
            )
            + request("list_sessions", request_id="not begun")
            + b"\n"
        )
        wait_until(lambda: len(fake.asked) == 1, "Millrace is asked")
        talk.send(signal.SIGTERM)
        results = talk.rest()

    assert talk.exit_code() == 143
    assert {each["status"] for each in results} == {"cancelled"}
    assert len({each["request_id"] for each in results}) == MOST_UNDER_WAY + 11


def test_a_reader_that_went_away_ends_it_although_nothing_is_printed(
    caller: OpsCaller, workspace: Path
) -> None:
    fake = FakeMillrace.beside(workspace)
    fake.answers("status", seconds=120)
    with caller.start("ops", "--jsonl", *caller.options) as running:
        running.says(request("status", **at(workspace)) + b"\n")
        wait_until(lambda: len(fake.asked) == 1, "Millrace is asked")
        assert running.process.stdout is not None
        running.process.stdout.close()

        assert running.process.wait(timeout=60) == 143
        assert running.process.stderr is not None
        assert running.process.stderr.read() == b""
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.stderr.close()


def test_a_closed_standard_input_is_the_end(caller: OpsCaller) -> None:
    ran = subprocess.run(
        ("sh", "-c", 'exec "$@" <&-', "sh", *_command("ops", "--jsonl")),  # noqa: S607 - the system's
        cwd=caller.cwd,
        env={**os.environ, "MILLRACER_STATE_DIR": str(caller.state)},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (0, b"")


def test_a_corrupt_store_is_set_aside_once_and_loses_no_result(caller: OpsCaller) -> None:
    caller.state.mkdir()
    (caller.state / "sessions.sqlite3").write_bytes(b"this is no database " * 500)
    body = b"".join(request("list_sessions", request_id=f"r{at}") + b"\n" for at in range(40))

    printed = caller.run("ops", "--jsonl", stdin=body)

    results = [json.loads(line) for line in printed.stdout.splitlines()]
    assert {each["status"] for each in results} == {"succeeded"}
    assert len(results) == 40
    assert len(list(caller.state.glob("*.corrupt-*"))) == 1
