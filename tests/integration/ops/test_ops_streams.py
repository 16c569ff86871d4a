"""`millracer ops --stream-json`: each request of version v0.3 is answered in frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millracer.schemas.names import SchemaName
from tests.support.frames import Frame, frames_in, types
from tests.support.ops_cli import OpsCaller, Printed, request
from tests.support.ops_world import assert_published

V03 = "millracer.ops.v0.3"


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return OpsCaller(
        cwd=cwd, state=tmp_path / "state", options=("--pi-command", "/nowhere/pi"), forks=True
    )


def frames(printed: Printed) -> list[Frame]:
    return frames_in(printed.stdout)


def asked(request_id: str, action: str = "list_sessions", **fields: Any) -> bytes:
    return request(action, schema_version=V03, request_id=request_id, **fields)


def test_an_answer_is_the_last_frame(caller: OpsCaller) -> None:
    printed = caller.run("ops", "--stream-json", stdin=asked("r-1"))

    found = frames(printed)
    assert printed.exit_code == 0
    assert types(found) == ["stream.opened", "result"]
    assert {frame["request_id"] for frame in found} == {"r-1"}
    assert not any("cursor" in frame for frame in found)
    result = found[-1]["payload"]
    assert (result["schema_version"], result["status"]) == (V03, "succeeded")
    assert_published(SchemaName.OPS_RESULT_V03, result)


def test_a_refused_request_has_its_result_in_a_frame(caller: OpsCaller) -> None:
    printed = caller.run("ops", "--stream-json", stdin=asked("r-1", "no_such_action"))

    found = frames(printed)
    assert printed.exit_code == 1
    assert [error["code"] for error in found[-1]["payload"]["errors"]] == ["unsupported_action"]


def test_an_invalid_request_of_v03_has_its_result_in_a_frame(caller: OpsCaller) -> None:
    invalid = request("list_sessions", schema_version=V03, request_id=" ")
    for arguments in (("--stream-json",), ("--jsonl", "--stream-json")):
        printed = caller.run("ops", *arguments, stdin=invalid)

        found = frames(printed)
        assert {frame["request_id"] for frame in found} == {"-"}
        assert_published(SchemaName.OPS_RESULT_V03, found[-1]["payload"])
        assert [error["field"] for error in found[-1]["payload"]["errors"]] == ["request_id"]


def test_lines_are_answered_in_frames_of_their_own(caller: OpsCaller) -> None:
    lines = b"\n".join((asked("r-1"), asked("r-2"), request("list_sessions", request_id="old")))
    printed = caller.run("ops", "--jsonl", "--stream-json", stdin=lines)

    answers = [json.loads(line) for line in printed.stdout.splitlines()]
    assert printed.exit_code == 0
    for name in ("r-1", "r-2"):
        own = [each for each in answers if each["request_id"] == name]
        assert types(own) == ["stream.opened", "result"]
    (old,) = [each for each in answers if each["request_id"] == "old"]
    assert [error["code"] for error in old["errors"]] == ["unsupported_transport"]


def test_a_cursor_that_is_none_names_its_field(caller: OpsCaller) -> None:
    payload = {"work_item_id": "x", "after": "nonsense"}
    here = {"root_path": str(caller.cwd)}
    body = asked("r-1", "watch", workspace_ref=here, input={"payload": payload})
    printed = caller.run("ops", "--json", stdin=body)

    assert printed.exit_code == 2
    assert printed.document["errors"][0]["field"] == "input.payload.after"
