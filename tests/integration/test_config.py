"""Configuration files as a person and a program meet them: what they set, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from millracer.cli.options.common import common_options
from millracer.domain.programs import Tool
from millracer.domain.run.options import RunOptions
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.schemas.config_file import ConfigOptions
from millracer.schemas.names import SchemaName
from tests.support.installed_tools import record_installed
from tests.support.ops_cli import OpsCaller, Printed, request
from tests.support.ops_world import assert_published


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "millrace-agents").mkdir(parents=True)
    return root


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    return path


@pytest.fixture
def caller(tmp_path: Path, user_file: Path) -> OpsCaller:
    return OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        environment={"MILLRACER_CONFIG_DIR": str(user_file.parent)},
        forks=True,
    )


def shown(printed: Printed) -> dict[str, tuple[Any, str]]:
    assert printed.exit_code == 0, printed.stderr
    assert_published(SchemaName.CONFIG_RESULT, printed.document)
    return {each["name"]: (each["value"], each["origin"]) for each in printed.document["values"]}


def test_without_files_everything_is_as_it_is_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILLRACER_CONFIG_DIR", str(tmp_path / "nowhere"))

    assert common_options(None, {}).options.for_workspace(str(tmp_path)).options == RunOptions()
    assert common_options().options.for_workspace(str(tmp_path)).options == RunOptions()


def test_each_value_is_shown_with_where_it_comes_from(
    caller: OpsCaller, workspace: Path, user_file: Path
) -> None:
    user_file.write_text(
        'thinking = "low"\nmodel = "user"\nfinalizer = "summary"\nskill = ["~/s"]\n'
        'intake = "idea"\nmillrace_mode = "lad_pi"\npi_command = "my-pi"\n'
    )
    (workspace / "millracer.toml").write_text(
        'model = "workspace"\nfinalizer = "pi"\nintake = "probe"\nkeep_daemon = true\n'
    )

    values = shown(
        caller.run(
            *("config", "show", "--json", "--workspace", "workspace", "--intake", "task"),
            MILLRACER_FINALIZER="summary",
            MILLRACER_KEEP_DAEMON="0",
        )
    )

    assert {name: each for name, each in values.items() if each[1] != "default"} == {
        "intake": ("task", "option"),
        "finalizer": ("summary", "environment"),
        "keep_daemon": (False, "environment"),
        "model": ("workspace", "workspace_file"),
        "thinking": ("low", "user_file"),
        "millrace_mode": ("lad_pi", "user_file"),
        "skill": (["~/s"], "user_file"),
        "pi_command": ("my-pi", "user_file"),
    }
    assert list(values) == list(ConfigOptions.model_fields)
    assert values["daemon_timeout_seconds"] == (RunOptions().daemon_timeout_seconds, "default")


def test_an_unset_mode_is_shown_as_the_default_mode(caller: OpsCaller) -> None:
    shown_lines = caller.run("config", "show").stdout.splitlines()

    assert ["millrace_mode", DEFAULT_MODE, "default"] in [line.split() for line in shown_lines]


def test_unnamed_programs_are_setups_else_those_on_path(caller: OpsCaller, tmp_path: Path) -> None:
    before = shown(caller.run("config", "show", "--json"))
    installed = record_installed(tmp_path / "data")
    after = shown(caller.run("config", "show", "--json", MILLRACER_DATA_DIR=str(tmp_path / "data")))

    assert before["millrace_command"] == ("millrace", "default")
    assert before["pi_command"] == ("pi", "default")
    assert after["millrace_command"] == (installed[Tool.MILLRACE].argv[0], "setup")
    assert after["pi_command"] == (" ".join(installed[Tool.PI].argv), "setup")


def test_a_long_command_pushes_nobodys_word_off_the_screen(caller: OpsCaller) -> None:
    pi = f"/{'long' * 30}/pi"
    said = caller.run("config", "show", MILLRACER_PI_COMMAND=pi).stdout.splitlines()

    assert len(said[0]) < 80
    assert said[-1].endswith(f"{pi}  environment: MILLRACER_PI_COMMAND")


def test_a_person_is_shown_the_files_and_the_variables(
    caller: OpsCaller, workspace: Path, user_file: Path
) -> None:
    user_file.write_text('thinking = "low"')
    (workspace / "millracer.toml").write_text('model = "m"')

    said = caller.run(
        "config", "show", "--workspace", str(workspace), MILLRACER_PROVIDER="p"
    ).stdout

    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in said.splitlines()}
    assert lines["thinking"] == f"low user file: {user_file}"
    assert lines["model"] == f"m workspace file: {workspace / 'millracer.toml'}"
    assert lines["provider"] == "p environment: MILLRACER_PROVIDER"
    assert lines["skill"] == "- default"


def test_the_mode_a_session_selected_goes_before_the_files(
    caller: OpsCaller, workspace: Path, user_file: Path
) -> None:
    user_file.write_text('millrace_mode = "lad_pi"')
    caller.run("workspaces", "add", str(workspace), "--id", "w", "--mode", "learning_pi")
    caller.run("workspaces", "select", "w", "--session-id", "s")

    values = shown(caller.run("config", "show", "--json", "--session-id", "s"))

    assert values["millrace_mode"] == ("learning_pi", "session")


def test_the_path_of_the_users_file_is_printed_whatever_it_holds(
    caller: OpsCaller, user_file: Path
) -> None:
    user_file.write_text("wrong")

    assert caller.run("config", "path").stdout == f"{user_file}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--output", "json", "task"),
        ("ops", "--json"),
        ("ops", "--jsonl"),
        ("config", "show", "--json"),
    ],
    ids=" ".join,
)
def test_a_users_file_that_is_wrong_ends_each_command_with_its_one_document(
    caller: OpsCaller, user_file: Path, arguments: tuple[str, ...]
) -> None:
    user_file.write_text("\n\nthinkng = 'low'\n")

    printed = caller.run(*arguments)

    (error,) = printed.document["errors"]
    assert (printed.exit_code, error["code"]) == (2, "config_invalid")
    assert error["message"].startswith(f"{user_file}, line 3: ")
    assert "'thinkng'" in error["message"]
    assert "thinking" in error["suggested_action"]
    assert f"error: {error['message']}\n  next: {error['suggested_action']}" in printed.stderr


@pytest.mark.parametrize(
    ("option", "code"), [("--workspace=nowhere", "invalid_request"), ("--no-such", "usage")]
)
def test_showing_what_cannot_be_shown_is_one_document_too(
    caller: OpsCaller, option: str, code: str
) -> None:
    printed = caller.run("config", "show", "--json", option)

    assert (printed.exit_code, printed.error_codes) == (2, [code])
    assert_published(SchemaName.CONFIG_RESULT, printed.document)


def test_the_operator_does_not_begin_with_a_file_that_is_wrong(
    caller: OpsCaller, user_file: Path
) -> None:
    user_file.write_text("wrong")

    printed = caller.run("operator")

    assert (printed.exit_code, printed.stdout) == (2, "")
    assert f"{user_file} is not TOML" in printed.stderr


@pytest.mark.parametrize("key", ["millrace_command", "pi_command"])
def test_a_repository_that_was_cloned_runs_nothing_of_its_own(
    caller: OpsCaller, workspace: Path, key: str
) -> None:
    marker = workspace / "ran"
    program = workspace / "evil"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    (workspace / "millracer.toml").write_text(f'{key} = "{program}"\n')

    run = caller.run("run", "--output", "json", "--workspace", str(workspace), "task")
    status = caller.ask("status", workspace_ref={"root_path": str(workspace)})

    assert (run.exit_code, run.error_codes) == (2, ["config_invalid"])
    assert (status.exit_code, status.error_codes) == (2, ["config_invalid"])
    assert f"must not set {key}" in run.document["errors"][0]["message"]
    assert not marker.exists()


def test_a_run_in_the_workspace_of_a_session_is_done_by_its_file(
    caller: OpsCaller, workspace: Path
) -> None:
    (workspace / "millracer.toml").write_text("wrong")
    caller.run("workspaces", "add", str(workspace), "--id", "w")
    caller.run("workspaces", "select", "w", "--session-id", "s")

    printed = caller.run("run", "--output", "json", "--session-id", "s", "task")

    assert printed.exit_code == 2
    assert printed.document["errors"][0]["message"].startswith(f"{workspace}/millracer.toml is no")


def test_of_many_requests_each_is_done_by_the_file_of_its_workspace(
    caller: OpsCaller, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "millracer.toml").write_text("wrong")
    lines = [
        request("status", request_id=name, workspace_ref={"root_path": str(tmp_path / name)})
        for name in ("workspace", "other")
    ]

    printed = caller.run("ops", "--jsonl", "--millrace-command", "none", stdin=b"\n".join(lines))

    codes: Mapping[str, str] = {
        result["request_id"]: result["errors"][0]["code"]
        for result in map(json.loads, printed.stdout.splitlines())
    }
    assert codes == {"workspace": "millrace_not_found", "other": "config_invalid"}


def test_a_files_programs_and_choices_are_those_of_a_run(
    caller: OpsCaller, workspace: Path, user_file: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    pi = tmp_path / "my pi"
    pi.write_text(f'#!/bin/sh\necho "$@" >> {said}\n[ "$1" = --version ] && echo 0.73.1\n')
    pi.chmod(0o755)
    user_file.write_text(f'pi_command = "{pi}"\nroute = "direct"\nprovider = "p"\nmodel = "u"\n')
    (workspace / "millracer.toml").write_text('model = "w"\nthinking = "off"\n')

    caller.run("run", "--output", "json", "--workspace", str(workspace), "--thinking", "low", "t")

    assert "--thinking low --provider p --model w" in said.read_text()


def test_a_command_that_reads_no_options_reads_no_file(caller: OpsCaller, user_file: Path) -> None:
    user_file.write_text("wrong")

    assert caller.run("sessions", "list").exit_code == 0
    assert caller.run("run", "--help").exit_code == 0
