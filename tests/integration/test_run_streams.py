"""`run --stream-json` and `watch --stream-json`: every ending is frames, the result the last."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.cli import wait_until
from tests.support.frames import Frame, frames_in
from tests.support.ops_cli import OpsCaller, Printed


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OpsCaller(
        cwd=cwd, state=tmp_path / "state", options=("--pi-command", "/nowhere/pi"), forks=True
    )


def frames(printed: Printed) -> list[Frame]:
    return frames_in(printed.stdout)


def test_a_direct_task_has_no_cursors(caller: OpsCaller) -> None:
    printed = caller.run(
        "run", "--stream-json", "--route", "direct", "--pi-command", "/nowhere/pi", "Explain it"
    )

    found = frames(printed)
    result = found[-1]["payload"]
    assert (printed.exit_code, result["outcome"]) == (8, "failed")
    assert not any("cursor" in frame for frame in found)
    states = [each["payload"]["state"] for each in found if each["event_type"] == "state.entered"]
    assert states == ["decide", "direct", "finalize"]
    assert found[0]["payload"]["durable"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--stream-json"),
        ("run", "--stream-json", "--nope", "A task"),
        ("run", "--stream-json", "--output", "text", "A task"),
        ("run", "--stream-json", "--workspace", "/nowhere/at/all", "A task"),
        ("watch", "--stream-json"),
        ("watch", "--stream-json", "--all", "an-item"),
        ("watch", "--stream-json", "--all", "--observe"),
        ("watch", "--stream-json", "--all", "--after", "9e8f127d-17"),
        ("watch", "--stream-json", "--after", "17", "an-item"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_frames(caller: OpsCaller, arguments: tuple[str, ...]) -> None:
    printed = caller.run(*arguments)

    assert printed.exit_code == 2
    assert frames(printed)[-1]["payload"]["errors"]


@pytest.mark.parametrize(
    ("environment", "arguments", "last"),
    [
        ({"MILLRACER_OUTPUT": "text"}, ("--stream-json",), "result"),
        ({"MILLRACER_STREAM_JSON": "1"}, (), "result"),
        ({"MILLRACER_STREAM_JSON": "1"}, ("--no-such-option",), "result"),
        ({"MILLRACER_STREAM_JSON": "1", "MILLRACER_OUTPUT": "text"}, (), "result"),
        ({"MILLRACER_STREAM_JSON": "1"}, ("--json",), "document"),
        ({"MILLRACER_STREAM_JSON": "1"}, ("--output", "text"), "text"),
    ],
    ids=str,
)
def test_the_command_line_takes_precedence_over_the_environment(
    caller: OpsCaller, environment: dict[str, str], arguments: tuple[str, ...], last: str
) -> None:
    task = ("--route", "direct", "--pi-command", "/nowhere/pi", "Explain it")
    printed = caller.run("run", *arguments, *task, **environment)

    if last == "result":
        codes = {each["code"] for each in frames(printed)[-1]["payload"]["errors"]}
        contradicts = len(environment) == 2
        is_wrong = contradicts or "--no-such-option" in arguments
        assert codes == ({"usage"} if is_wrong else {"pi_not_found"})
    elif last == "document":
        assert printed.error_codes == ["pi_not_found"]
    else:
        assert (printed.exit_code, printed.stdout) == (8, "")


def test_a_signal_ends_a_stream_with_its_result(caller: OpsCaller, tmp_path: Path) -> None:
    pi = tmp_path / "pi"
    pi.write_text("#!/bin/sh\necho started > started\nexec sleep 600\n")
    pi.chmod(0o700)
    arguments = ("run", "--stream-json", "--route", "direct", "--pi-command", str(pi), "A task")
    with caller.start(*arguments) as running:
        wait_until((caller.cwd / "started").exists, "pi runs")
        running.send(signal.SIGTERM)
        printed = running.finish(b"")

    assert printed.exit_code == 143
    assert frames(printed)[-1]["payload"]["outcome"] == "cancelled"


def test_a_cursor_needs_a_stream(caller: OpsCaller) -> None:
    printed = caller.run("watch", "an-item", "--after", "9e8f127d-17", "--json")

    assert printed.exit_code == 2
    assert printed.error_codes == ["usage"]
