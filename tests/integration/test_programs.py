"""Which programs a run takes, and how its result reports them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from millracer.domain.programs import Tool
from millracer.domain.run.options import RunOptions
from millracer.programs.discovery import resolve_programs
from millracer.wiring import BackendFactory, begin
from millracer.wiring.tool_factory import ProgramFactory
from tests.support.cli import Ran
from tests.support.forked_command import start_command
from tests.support.installed_tools import record_installed

_PI = Path(__file__).parents[1] / "children" / "pi_told.py"


def _run(*arguments: str, workspace: Path, environment: dict[str, str]) -> Ran:
    words = (
        *("run", "--output", "json", "--route", "direct"),
        *("--workspace", str(workspace), "--no-default-skills", *arguments),
    )
    with start_command(words, cwd=None, env=environment, forks=True) as process:
        stdout, stderr = process.communicate(b"", timeout=60)
    return Ran(process.returncode, json.loads(stdout), stderr.decode())


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH with nothing on it, and a data folder that is the test's own."""
    return {"HOME": str(tmp_path), "PATH": "/nowhere", "MILLRACER_DATA_DIR": str(tmp_path / "data")}


def test_a_run_takes_what_setup_installed_and_says_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    installed = record_installed(tmp_path / "data", pi=_PI, interpreter=sys.executable)

    ran = _run("tell your path", workspace=tmp_path, environment=environment)

    assert ran.result["tools"] == {
        tool: {"command": shlex.join(installed[tool].argv), "origin": "setup"} for tool in Tool
    }
    folders = [installed[tool].folder for tool in (Tool.MILLRACE, Tool.PI)]
    assert ran.result["output"].split(":") == [*folders, "/nowhere"]


def test_the_users_file_and_the_environment_go_before_setup(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    record_installed(tmp_path / "data")
    (tmp_path / "config.toml").write_text('millrace_command = "their-millrace"')
    command = shlex.join((sys.executable, str(_PI)))
    said = {"MILLRACER_CONFIG_DIR": str(tmp_path), "MILLRACER_PI_COMMAND": command}

    ran = _run("tell your path", workspace=tmp_path, environment={**environment, **said})

    assert ran.result["tools"] == {
        "millrace": {"command": "their-millrace", "origin": "user_file"},
        "pi": {"command": command, "origin": "environment"},
    }
    assert ran.result["output"] == "/nowhere"


def test_where_nothing_is_found_the_next_step_is_setup(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    ran = _run("a task", workspace=tmp_path, environment=environment)

    assert ran.exit_code == 8
    assert ran.error_codes == ["pi_not_found"]
    assert "`pi`" in ran.result["errors"][0]["message"]
    assert "`millracer setup`" in ran.result["errors"][0]["suggested_action"]
    assert ran.result["tools"]["pi"] == {"command": "pi", "origin": "path"}


class _Seeing(BackendFactory):
    """Notes what it is to begin, and begins nothing."""

    def warm_up(self, millrace: tuple[str, ...], environment: dict[str, str]) -> None:
        self.asked = (millrace, environment)


def test_an_early_start_is_the_one_a_run_will_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_installed(tmp_path / "data")
    monkeypatch.setenv("MILLRACER_DATA_DIR", str(tmp_path / "data"))
    found, seeing = resolve_programs({}), _Seeing()

    begin(seeing, found)
    settings = ProgramFactory(found=found).settings(str(tmp_path), RunOptions())

    assert seeing.asked == (settings.millrace, settings.environment)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        pytest.param({}, None, id="setup's"),
        pytest.param({"configured": {"millrace_command": "theirs"}}, None, id="the user's file"),
        pytest.param(
            {"environment": {"MILLRACER_MILLRACE_COMMAND": "its"}}, "its", id="the environment"
        ),
        pytest.param({"options": {"millrace_command": "a b"}}, "a b", id="the option"),
    ],
)
def test_advice_names_a_program_that_the_next_command_would_not_find(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, dict[str, str | None]],
    option: str | None,
) -> None:
    record_installed(tmp_path / "data")
    monkeypatch.setenv("MILLRACER_DATA_DIR", str(tmp_path / "data"))
    found = resolve_programs(**{"options": {}, **said})
    options = RunOptions(no_warm_millrace=True)
    settings = ProgramFactory(found=found).settings(str(tmp_path), options)

    assert BackendFactory().open(settings).commands.option == option
