"""Millrace 0.22 and later, another program: refused first, by every command that needs Millrace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.ops_cli import OpsCaller

_VERSION = "0.23.1"


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    """Call from a fresh folder, with a Millrace that only prints its version, and a pi."""
    environment = {}
    for name, output in (("millrace", f"millrace {_VERSION}"), ("pi", "1.6.0")):
        program = tmp_path / name
        line = f"[ $# = 1 ] && [ $1 = --version ] && echo {output} && exit"
        program.write_text(f"#!/bin/sh\n{line}\necho $@ >> {tmp_path}/{name}-calls\nexit 1\n")
        program.chmod(0o755)
        environment[f"MILLRACER_{name.upper()}_COMMAND"] = str(program)
    cwd = tmp_path / "fresh"
    cwd.mkdir()
    return OpsCaller(cwd=cwd, state=tmp_path / "state", environment=environment, forks=True)


def _version_in(document: dict[str, Any]) -> str | None:
    versions = document.get("versions")
    version = document.get("millrace_version") if versions is None else versions["millrace"]
    assert version is None or isinstance(version, str)
    return version


@pytest.mark.parametrize("prepared", [False, True], ids=["fresh", "initialised"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--output", "json", "a task"),
        ("run", "--output", "json", "--route", "millrace", "a task"),
        ("run", "--output", "json", "--resume", "t1"),
        ("watch", "--output", "json", "t1"),
        ("submit", "--json", "a task"),
        ("status", "--json"),
        ("cancel", "--json", "t1"),
        ("pause", "--json"),
        ("resume", "--json"),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_millrace_refuses_it_before_all_else(
    caller: OpsCaller, arguments: tuple[str, ...], *, prepared: bool
) -> None:
    if prepared:
        (caller.cwd / "millrace-agents").mkdir()
    printed = caller.run(*arguments)

    assert (printed.exit_code, printed.error_codes) == (8, ["millrace_unsupported"])
    assert "`millracer setup`" in printed.document["errors"][0]["suggested_action"]
    assert _version_in(printed.document) == _VERSION
    assert not list(caller.cwd.parent.glob("*-calls"))
    assert [path.name for path in caller.cwd.iterdir()] == ["millrace-agents"] * prepared


def test_ops_refuses_it_before_all_else(caller: OpsCaller) -> None:
    for action, fields in (("status", {}), ("enqueue", {"input": {"kind": "text", "text": "t"}})):
        printed = caller.ask(action, workspace_ref={"root_path": str(caller.cwd)}, **fields)

        assert printed.error_codes == ["millrace_unsupported"]
    assert not list(caller.cwd.parent.glob("*-calls"))


def test_the_screen_of_a_fresh_folder_shows_the_refusal_and_advises_nothing_that_fails(
    caller: OpsCaller,
) -> None:
    text = caller.run("status")

    assert text.exit_code == 8
    assert _VERSION in text.stdout
    assert "millracer submit" not in text.stdout


def test_the_doctor_reports_the_version_that_it_refuses(caller: OpsCaller) -> None:
    document = caller.run("doctor", "--json").document

    assert document["versions"]["millrace"] == _VERSION
