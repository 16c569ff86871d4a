"""A status through a fake Millrace that was started before the request was read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.cli import wait_until
from tests.support.fake_install import FakeInstall
from tests.support.ops_cli import OpsCaller, Printed, request

#: Prints what was loaded when the warm process was started, with a socket to speak over.
_STARTED = """
import atexit, sys
begun = []
def note(event, _):
    if event == "socket.__new__":
        begun.append("typer" in sys.modules)
sys.addaudithook(note)
atexit.register(lambda: print("first socket with typer:", *begun[:1], file=sys.stderr))
from millracer.cli.main import main
main()
"""


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


@pytest.mark.parametrize("command", [("ops", "--json"), ("run",), ("operator",)], ids=" ".join)
def test_it_starts_before_the_command_line_is_read(
    caller: OpsCaller, tmp_path: Path, command: tuple[str, ...]
) -> None:
    body = tmp_path / "standard input"
    body.write_bytes(asks_status() if "ops" in command else b"")
    with body.open("rb") as stdin:
        ran = subprocess.run(
            (sys.executable, "-c", _STARTED, *command, *caller.options),
            stdin=stdin,
            cwd=tmp_path,
            env={**os.environ, "MILLRACER_STATE_DIR": str(caller.state)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert "first socket with typer: False" in ran.stderr


@pytest.mark.parametrize("command", [("ops", "--json"), ("run",)], ids=" ".join)
def test_the_program_of_the_users_file_starts_as_early(
    caller: OpsCaller, tmp_path: Path, install: FakeInstall, command: tuple[str, ...]
) -> None:
    configured = tmp_path / "config.toml"
    configured.write_text(f'millrace_command = "{install.program}"\n')
    body = tmp_path / "standard input"
    body.write_bytes(asks_status() if "ops" in command else b"")
    variables = {
        "MILLRACER_STATE_DIR": str(caller.state),
        "MILLRACER_CONFIG_DIR": str(tmp_path),
    }
    with body.open("rb") as stdin:
        ran = subprocess.run(
            (sys.executable, "-c", _STARTED, *command),
            stdin=stdin,
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert "first socket with typer: False" in ran.stderr
    if "ops" in command:
        assert is_warm(Printed(ran.returncode, ran.stdout, ran.stderr))


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


def test_wrong_use_is_reported_at_once_and_leaves_nothing(
    caller: OpsCaller, install: FakeInstall
) -> None:
    printed = caller.send(asks_status(), "--no-such-option")

    assert (printed.exit_code, printed.error_codes) == (2, ["usage"])
    assert left_of(install) == []


def test_wrong_use_does_not_wait_for_a_request(caller: OpsCaller) -> None:
    with caller.start("ops", "--json", "--no-such-option") as running:
        running.process.wait(60)

        assert running.finish().error_codes == ["usage"]
