"""Reading setup's record: it lists complete tools and nothing incomplete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millracer.domain.programs import Tool
from millracer.programs.installed import RECORD_NAME, read_installed, tools_folder
from tests.support.installed_tools import record_installed


def _environment(data: Path, path: str = "/nowhere") -> dict[str, str]:
    return {"MILLRACER_DATA_DIR": str(data), "PATH": path}


def _edit(data: Path, tool: str, **changed: object) -> None:
    file = data / "tools" / RECORD_NAME
    record = json.loads(file.read_text())
    record["tools"][tool].update(changed)
    file.write_text(json.dumps(record))


def test_what_was_recorded_and_is_there_is_read(tmp_path: Path) -> None:
    installed = record_installed(tmp_path)

    assert read_installed(_environment(tmp_path)) == installed


def test_the_users_data_folder_is_the_tests_own(clean_environment: Path) -> None:
    assert tools_folder({}) == clean_environment / "data" / "millracer" / "tools"
    assert read_installed({}) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"tools": {}}',
        b'{"schema_version": "millracer.tools.v1", "tools": [1]}',
        b'{"schema_version": "millracer.tools.v1", "tools": {"pi": {"version": 3}}}',
    ],
)
def test_a_record_that_is_none_says_nothing(tmp_path: Path, content: bytes) -> None:
    record_installed(tmp_path)
    (tmp_path / "tools" / RECORD_NAME).write_bytes(content)

    assert read_installed(_environment(tmp_path)) == {}


@pytest.mark.parametrize("tool", list(Tool))
def test_a_tool_that_is_gone_is_none(tmp_path: Path, tool: Tool) -> None:
    installed = record_installed(tmp_path)
    Path(installed[tool].argv[-1]).unlink()

    assert set(read_installed(_environment(tmp_path))) == set(Tool) - {tool}


def test_a_record_of_another_form_says_nothing(tmp_path: Path) -> None:
    record_installed(tmp_path)
    file = tmp_path / "tools" / RECORD_NAME
    file.write_text(file.read_text().replace("tools.v1", "tools.v2"))

    assert read_installed(_environment(tmp_path)) == {}


def test_a_program_that_cannot_be_executed_is_none(tmp_path: Path) -> None:
    installed = record_installed(tmp_path)
    Path(installed[Tool.MILLRACE].argv[0]).chmod(0o644)

    assert set(read_installed(_environment(tmp_path))) == {Tool.PI}


@pytest.mark.parametrize("path", ["/a\0b", "/\ud800"])
@pytest.mark.parametrize("name", ["program", "interpreter"])
def test_a_path_that_no_file_can_have_is_none(tmp_path: Path, name: str, path: str) -> None:
    record_installed(tmp_path)
    _edit(tmp_path, "pi", **{name: path})

    assert set(read_installed(_environment(tmp_path))) == {Tool.MILLRACE}


def test_an_interpreter_that_moved_is_looked_for_on_path(tmp_path: Path) -> None:
    record_installed(tmp_path)
    _edit(tmp_path, "pi", interpreter="/gone/sh")

    moved = read_installed(_environment(tmp_path, path="/bin"))
    gone = read_installed(_environment(tmp_path))

    assert moved[Tool.PI].argv == ("/bin/sh", str(tmp_path / "tools" / "pi" / "cli.js"))
    assert set(gone) == {Tool.MILLRACE}


def test_without_a_home_nothing_is_installed() -> None:
    assert read_installed({"MILLRACER_DATA_DIR": "~no-such-person/data"}) == {}
