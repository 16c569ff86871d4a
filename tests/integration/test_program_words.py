"""The words that name a program, as a command line may give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millracer.domain.programs import InstalledTool, ProgramUsed, Tool, ToolOrigin
from millracer.errors import UsageError
from millracer.programs.discovery import (
    ResolvedProgram,
    ResolvedPrograms,
    find_program,
    program_words,
    resolve_programs,
)
from tests.support.installed_tools import record_installed

_MANY_WORDS = ("run-it", *["word"] * 200)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("millrace", ("millrace",)),
        ("python -m millrace", ("python", "-m", "millrace")),
        (" ".join(_MANY_WORDS), _MANY_WORDS),
        ("~no-such-person/millrace --plain", ("/~no-such-person/millrace", "--plain")),
        ("/opt/./millrace", ("/opt/millrace",)),
    ],
    ids=["a name", "words", "more words than a path holds", "nobody's home", "a path"],
)
def test_a_program_is_split_into_words(
    monkeypatch: pytest.MonkeyPatch, command: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir("/")

    assert program_words(command, "--millrace-command") == words


def test_a_path_with_blanks_that_exists_is_one_word(tmp_path: Path) -> None:
    program = tmp_path / "my millrace"
    program.touch()

    assert program_words(str(program), "--millrace-command") == (str(program),)


@pytest.mark.parametrize("command", ["", "  ", "'unclosed"])
def test_what_names_no_program_is_wrong_use(command: str) -> None:
    with pytest.raises(UsageError, match="--millrace-command"):
        program_words(command, "--millrace-command")


def test_a_path_below_a_directory_that_is_gone_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert program_words("./millrace", "--millrace-command") == ("./millrace",)


_SETUPS = InstalledTool(version="0.21.1", argv=("/data/millrace",), folder="/data/launch")
_VARIABLE = "MILLRACER_MILLRACE_COMMAND"


@pytest.mark.parametrize(
    ("option", "environment", "configured", "installed", "used"),
    [
        ("a", {_VARIABLE: "b"}, "c", _SETUPS, ("a", ToolOrigin.OPTION)),
        (None, {_VARIABLE: "b"}, "c", _SETUPS, ("b", ToolOrigin.ENVIRONMENT)),
        (None, {_VARIABLE: ""}, "c", _SETUPS, ("c", ToolOrigin.USER_FILE)),
        (None, {}, None, _SETUPS, ("/data/millrace", ToolOrigin.SETUP)),
        (None, {}, 3, _SETUPS, ("/data/millrace", ToolOrigin.SETUP)),
        (None, {}, "bin/millrace", _SETUPS, ("/data/millrace", ToolOrigin.SETUP)),
        (None, {}, "'./millrace'", None, ("millrace", ToolOrigin.PATH)),
        (None, {}, "", None, ("millrace", ToolOrigin.PATH)),
        (None, {"MILLRACER_PI_COMMAND": "b"}, None, None, ("millrace", ToolOrigin.PATH)),
    ],
)
def test_the_first_who_names_a_program_counts(
    option: str | None,
    environment: dict[str, str],
    configured: object,
    installed: InstalledTool | None,
    used: tuple[str, ToolOrigin],
) -> None:
    found = find_program(
        Tool.MILLRACE,
        option,
        environment=environment,
        configured=configured,
        installed=installed,
    )

    assert found.used == ProgramUsed(command=used[0], origin=used[1])
    assert found.words == (used[0],)


@pytest.mark.parametrize(
    ("origin", "said_by"),
    [
        (ToolOrigin.OPTION, "--pi-command"),
        (ToolOrigin.ENVIRONMENT, "MILLRACER_PI_COMMAND"),
        (ToolOrigin.USER_FILE, r"pi_command .*config\.toml"),
    ],
)
def test_an_error_names_who_named_the_program(origin: ToolOrigin, said_by: str) -> None:
    found = ResolvedProgram(tool=Tool.PI, origin=origin, named=" ")

    with pytest.raises(UsageError, match=said_by):
        _ = found.words


def test_what_setup_installed_is_found_by_what_is_started_and_before_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = record_installed(tmp_path / "data")
    monkeypatch.setenv("MILLRACER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", "/usr/bin")

    both = resolve_programs({})
    one = resolve_programs({"millrace_command": "mine"})

    assert both.millrace.words == installed[Tool.MILLRACE].argv
    assert both.pi.words == installed[Tool.PI].argv
    folders = [installed[tool].folder for tool in (Tool.MILLRACE, Tool.PI)]
    assert both.environment()["PATH"].split(":") == [*folders, "/usr/bin"]
    assert one.millrace.origin is ToolOrigin.OPTION
    assert one.environment()["PATH"].split(":") == [folders[1], "/usr/bin"]


@pytest.mark.parametrize("path", ["", None])
def test_without_a_path_setups_tools_stand_alone(
    path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATH")
    if path is not None:
        monkeypatch.setenv("PATH", path)
    setups = ResolvedProgram(tool=Tool.MILLRACE, origin=ToolOrigin.SETUP, installed=_SETUPS)
    named = ResolvedProgram(tool=Tool.PI, origin=ToolOrigin.PATH, named="pi")

    environment = ResolvedPrograms(millrace=setups, pi=named).environment()

    rest = f":{os.defpath}" if path is None else ""
    assert environment["PATH"] == f"/data/launch{rest}"


def test_without_an_installation_the_environment_is_left_alone() -> None:
    assert resolve_programs({}).environment() == dict(os.environ)
