"""Shell completion: the script that is shown, run in each shell there is, and what it completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ops_cli import OpsCaller

_LIMIT_SECONDS = 60
#: What a shell has to be given to complete the last word of a line and print what it found.
_ASK = {
    "bash": (
        "source {script}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
        ' _millracer_completion millracer; printf "%s\\n" "${{COMPREPLY[@]}}"'
    ),
    "fish": "source {script}; complete -C {line!r}",
    "zsh": (
        "compdef() {{ :; }}; compadd() {{ print -l -- $@ }}; _arguments() {{ print -l -- $@ }};"
        " _describe() {{ print -l -- $@ }}; words=({line}); CURRENT=${{#words}};"
        " source {script}; _millracer_completion"
    ),
}
_SHELLS = [name for name in _ASK if shutil.which(name)]


@pytest.fixture
def caller(tmp_path: Path) -> OpsCaller:
    root = tmp_path / "workspace"
    for name in ("queue/fix-1.md", "blocked/fix-2.md", "done/fix-3.md", "active/other-4.md"):
        path = root / "millrace-agents" / "tasks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# A title\n")
    inbox = root / "millrace-agents" / "intake" / "ideas" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "idea-fix-5.md").write_text("An idea\n")
    modes = root / "millrace-agents" / "modes"
    modes.mkdir()
    (modes / "my_mode.json").write_text("{}")
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "millracer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m millracer "$@"\n')
    program.chmod(0o755)
    return OpsCaller(
        cwd=root,
        state=tmp_path / "state",
        environment={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )


def completed(caller: OpsCaller, line: str) -> tuple[set[str], str]:
    """Complete the last word of a line as a script does; return that, and any complaint."""
    words = line.split(" ")
    ran = caller.run(
        COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _MILLRACER_COMPLETE="complete_bash"
    )
    return set(ran.stdout.split()), ran.stderr


def shown(caller: OpsCaller, shell: str) -> str:
    """Return the script that `--show-completion` prints in a shell of this kind."""
    ran = caller.run(_MILLRACER_COMPLETE=f"source_{shell}")
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def in_shell(caller: OpsCaller, tmp_path: Path) -> Callable[[str, str], str]:
    """Return a function that completes a line in a shell that has read the shown script."""

    def ask(shell: str, line: str) -> str:
        script = tmp_path / f"completion.{shell}"
        script.write_text(shown(caller, shell))
        ran = subprocess.run(
            (shell, "-c", _ASK[shell].format(script=script, line=line)),
            cwd=caller.cwd,
            env={**os.environ, **caller.environment, "MILLRACER_STATE_DIR": str(caller.state)},
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert ran.stderr == ""
        return ran.stdout

    return ask


@pytest.mark.parametrize("shell", _SHELLS)
def test_the_shown_script_completes_commands_options_and_items(
    in_shell: Callable[[str, str], str], shell: str
) -> None:
    assert "status" in in_shell(shell, "millracer sta").split()
    assert "--force" in in_shell(shell, "millracer stop --fo")
    assert "fix-1" in in_shell(shell, "millracer cancel fix")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(caller: OpsCaller, shell: str) -> None:
    assert f"_MILLRACER_COMPLETE=complete_{shell}" in shown(caller, shell)


@pytest.mark.parametrize("command", ["watch", "cancel", "run --resume"])
def test_items_are_those_that_are_not_over(caller: OpsCaller, command: str) -> None:
    found, complaint = completed(caller, f"millracer {command} fix-")

    assert (found, complaint) == ({"fix-1", "fix-2", "fix-5"}, "")


def test_the_named_workspace_counts(caller: OpsCaller, tmp_path: Path) -> None:
    other = tmp_path / "other" / "millrace-agents" / "probes" / "queue"
    other.mkdir(parents=True)
    (other / "look-1.md").write_text("# A title\n")

    assert completed(caller, f"millracer watch --workspace {tmp_path / 'other'} ")[0] == {"look-1"}
    assert completed(caller, "millracer watch --workspace /nowhere/at/all ") == (set(), "")


def test_modes_sessions_and_workspaces_are_those_there_are(caller: OpsCaller) -> None:
    caller.run("workspaces", "add", "--id", "shop")
    caller.run("workspaces", "select", "shop", "--session-id", "mine")

    assert completed(caller, "millracer run --millrace-mode my")[0] == {"my_mode"}
    assert completed(caller, "millracer run --session-id m")[0] == {"mine"}
    assert completed(caller, "millracer sessions show m")[0] == {"mine"}
    assert completed(caller, "millracer workspaces remove s")[0] == {"shop"}
    elsewhere = OpsCaller(cwd=caller.cwd.parent, state=caller.state, environment=caller.environment)
    assert completed(elsewhere, "millracer watch --session-id mine fix-1")[0] == {"fix-1"}


def test_nothing_is_made_and_nothing_said_where_nothing_can_be_read(caller: OpsCaller) -> None:
    before = sorted(caller.cwd.rglob("*"))

    assert completed(caller, "millracer run --session-id ") == (set(), "")
    assert not caller.state.exists()
    caller.state.mkdir()
    store = caller.state / "sessions.sqlite3"
    store.write_bytes(b"this is no database " * 500)
    assert completed(caller, "millracer run --session-id ") == (set(), "")
    assert completed(caller, "millracer workspaces select ") == (set(), "")
    assert list(caller.state.iterdir()) == [store]
    assert sorted(caller.cwd.rglob("*")) == before
