"""A status through a Millrace that was begun before the request was read, with an invented one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.cli import wait_until
from tests.support.fake_install import FakeInstall
from tests.support.ops_cli import OpsCaller, Printed, request


@pytest.fixture
def install(tmp_path: Path) -> FakeInstall:
    return FakeInstall.at(tmp_path / "venv")


@pytest.fixture
def caller(tmp_path: Path, install: FakeInstall) -> OpsCaller:
    (tmp_path / "workspace" / "millrace-agents").mkdir(parents=True)
    return OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--millrace-command", str(install.program)),
    )


def asks_status(**fields: Any) -> bytes:
    return request("status", workspace_ref={"root_path": "workspace"}, **fields)


def is_warm(printed: Printed) -> bool:
    assert printed.document["status"] == "succeeded", printed.stdout + printed.stderr
    return not printed.document["result"]["imported_here"]


def left_of(install: FakeInstall) -> list[psutil.Process]:
    folder = str(install.folder)
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if any(folder in word for word in each.info["cmdline"] or ())
    ]


def test_a_status_is_asked_of_a_warm_millrace_that_ends_with_the_command(
    caller: OpsCaller, install: FakeInstall
) -> None:
    assert is_warm(caller.send(asks_status()))
    assert left_of(install) == []


def test_a_request_that_comes_late_is_answered_warm_as_well(caller: OpsCaller) -> None:
    with caller.start("ops", "--json", *caller.options) as running:
        maps = Path(f"/proc/{running.process.pid}/maps")
        wait_until(lambda: "pydantic_core" in maps.read_text(), "the command line is being read")

        assert is_warm(running.finish(asks_status()))


@pytest.mark.parametrize(
    ("arguments", "environment", "options"),
    [
        (("--no-warm-millrace",), {}, {}),
        ((), {"MILLRACER_NO_WARM_MILLRACE": "1"}, {}),
        ((), {}, {"no_warm_millrace": True}),
        ((), {}, {"no-warm-millrace": True}),
    ],
    ids=["option", "variable", "request", "request with dashes"],
)
def test_who_wants_plain_processes_gets_them(
    caller: OpsCaller,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    options: dict[str, bool],
) -> None:
    body = asks_status(options=options)
    printed = caller.run("ops", "--json", *caller.options, *arguments, stdin=body, **environment)

    assert not is_warm(printed)


def test_a_request_that_is_refused_leaves_nothing(caller: OpsCaller, install: FakeInstall) -> None:
    printed = caller.ask("status", workspace_ref={"workspace_id": "nobody"})

    assert printed.error_codes == ["workspace_unresolved"]
    assert left_of(install) == []


def test_wrong_use_is_told_at_once_and_leaves_nothing(
    caller: OpsCaller, install: FakeInstall
) -> None:
    printed = caller.send(asks_status(), "--no-such-option")

    assert (printed.exit_code, printed.error_codes) == (2, ["usage"])
    assert left_of(install) == []


def test_wrong_use_does_not_wait_for_a_request(caller: OpsCaller) -> None:
    with caller.start("ops", "--json", "--no-such-option") as running:
        running.process.wait(60)

        assert running.finish().error_codes == ["usage"]
