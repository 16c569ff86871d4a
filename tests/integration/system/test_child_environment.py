"""The environment of what is started, held against the git of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.system import processes
from millracer.system.child_environment import GIT_LOCAL_VARIABLES, child_environment
from millracer.system.processes import Command

#: Settings, and how many: they name no repository.
_SETTINGS = {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}


def _git(*arguments: str, cwd: Path, **env: str) -> str:
    command = Command(
        tool="git", argv=("git", *arguments), cwd=cwd, env={"PATH": "/usr/bin", **env}
    )
    return processes.run(command, Wait.for_seconds(60)).stdout


def test_all_that_git_itself_calls_local_to_a_repository_is_removed(tmp_path: Path) -> None:
    listed = set(_git("rev-parse", "--local-env-vars", cwd=tmp_path).split())

    assert listed - _SETTINGS <= GIT_LOCAL_VARIABLES
    assert not _SETTINGS & GIT_LOCAL_VARIABLES


def test_settings_that_a_caller_gave_git_are_kept_and_name_no_repository(tmp_path: Path) -> None:
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
        _git("init", "--quiet", cwd=tmp_path / name)
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    by_count = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(elsewhere),
        "GIT_CONFIG_KEY_1": "user.name",
        "GIT_CONFIG_VALUE_1": "counted",
    }
    by_option = {
        "GIT_CONFIG_PARAMETERS": f"'core.worktree'='{elsewhere}' 'user.name'='optional'",
    }

    for settings, user in ((by_count, "counted"), (by_option, "optional")):
        assert _git("config", "user.name", cwd=here, **settings) == f"{user}\n"
        assert _git("rev-parse", "--show-toplevel", cwd=here, **settings) == f"{here}\n"


@pytest.mark.parametrize("how", ["inherited", "given"])
def test_a_child_does_not_get_them_whether_inherited_or_given(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    variables = {**dict.fromkeys(GIT_LOCAL_VARIABLES, "x"), "GIT_QUARANTINE_PATH": "x", "KEPT": "x"}
    names = sorted(variables)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    report = f"import os; print([name for name in os.environ if name in {names!r}])"
    command = Command(
        tool="python",
        argv=(sys.executable, "-c", report),
        env=variables if how == "given" else None,
    )

    assert processes.run(command, Wait.for_seconds(60)).stdout == "['KEPT']\n"
    assert child_environment(variables) == {"KEPT": "x"}
