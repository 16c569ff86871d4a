"""Millracer started in a git hook: what it starts works on the workspace, not on the caller's."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import FORCED
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_COMMITTING_PI = Path(__file__).parents[1] / "children" / "pi_committing.py"
_LIMIT_SECONDS = 150
_SCENARIO = Scenario({"builder": (Step(workspace_files={"built": "yes\n"}, commit="Built"),)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook of git's: its path, and the command that lets git run it.

    The user's repository has one commit, a linked worktree on the branch `work`, and a bare
    repository that it pushes to.
    """

    name: str
    trigger: tuple[str, ...]
    in_bare: bool = False


_GIT = ("git", "-c", "user.name=user", "-c", "user.email=user@localhost")
_PUSH = ("push", "--quiet", "bare", "HEAD:refs/heads/pushed")
_COMMIT = ("commit", "--quiet", "--allow-empty", "--message", "By the user")
_HOOKS = (
    Hook(name="post-commit", trigger=_COMMIT),
    Hook(name="pre-push", trigger=_PUSH),
    Hook(name="pre-receive", trigger=_PUSH, in_bare=True),
    Hook(name="post-receive", trigger=_PUSH, in_bare=True),
)
_OFTEN = {"post-commit", "post-receive"}
_CASES = [
    pytest.param(each, id=each.name, marks=() if each.name in _OFTEN else pytest.mark.slow)
    for each in _HOOKS
]


@dataclass(frozen=True, slots=True)
class User:
    """A user whose git runs a command in a hook."""

    root: Path

    @property
    def worktree(self) -> Path:
        return self.root / "linked"

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        ran = subprocess.run(
            (*_GIT, *arguments),
            cwd=cwd or self.worktree,
            env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def runs(self, hook: Hook, command: tuple[str, ...]) -> dict[str, object]:
        """Let git run a command in a hook; return the JSON document that it printed."""
        printed = self.root / "printed"
        folder = self.root / ("bare.git" if hook.in_bare else "main/.git") / "hooks"
        folder.mkdir(exist_ok=True)
        script = folder / hook.name
        script.write_text(
            f"#!/bin/sh\nmkdir {self.root}/hook-ran 2>/dev/null || exit 0\n"  # not in itself
            f"{shlex.join(command)} >{shlex.quote(str(printed))} </dev/null\nexit 0\n"
        )
        script.chmod(0o755)
        self.git(*hook.trigger)
        document: dict[str, object] = json.loads(printed.read_text(encoding="utf-8"))
        return document

    def state(self) -> tuple[str, ...]:
        """Return all that the user has: each commit of each branch, its files, what changed."""
        own = (
            ("log", "--all", "--topo-order", "--stat", "--format=%s"),
            ("status", "--porcelain"),
            ("ls-files",),
        )
        seen = [self.git(*each) for each in own]
        seen.append(
            self.git("log", "--all", "--topo-order", "--format=%s", cwd=self.root / "bare.git")
        )
        seen.append(str(sorted(path.name for path in self.worktree.iterdir())))
        return tuple(seen)


def _make_user(root: Path) -> User:
    user = User(root)
    main = root / "main"
    main.mkdir(parents=True)
    user.git("init", "--quiet", cwd=main)
    user.git("init", "--quiet", "--bare", str(root / "bare.git"), cwd=main)
    (main / "precious").write_text("the user's\n")
    user.git("add", ".", cwd=main)
    user.git("commit", "--quiet", "--message", "First", cwd=main)
    user.git("remote", "add", "bare", str(root / "bare.git"), cwd=main)
    user.git("worktree", "add", "--quiet", "-b", "work", str(user.worktree), cwd=main)
    return user


def _subjects(user: User, where: Path) -> list[str]:
    return user.git("log", "--format=%s", cwd=where).splitlines()


def _expected_state(user: User, hook: Hook) -> tuple[str, ...]:
    """Return what the user has after the same git command with an empty hook."""
    with_nothing = _make_user(user.root.with_name("compared"))
    with_nothing.runs(hook, ("echo", "{}"))
    return with_nothing.state()


def _workspace(tmp_path: Path, millrace_command: str) -> Workspace:
    workspace = make_workspace(tmp_path / "workspace", millrace_command, _SCENARIO)
    (workspace.root / ".gitignore").write_text("millrace-agents/\n.millracer/\n")
    return workspace


@pytest.mark.parametrize("hook", _CASES)
def test_a_stage_commits_to_the_workspace_whichever_hook_started_the_run(
    tmp_path: Path, millrace_command: str, hook: Hook
) -> None:
    user, workspace = _make_user(tmp_path / "user"), _workspace(tmp_path, millrace_command)
    where = ("--workspace", str(workspace.root), "--millrace-command", millrace_command)
    run = (sys.executable, "-m", "millracer", "run", "--output", "json", *where, *FORCED, "Build")

    result = user.runs(hook, run)

    assert result["outcome"] == "completed", result
    assert _subjects(user, workspace.root) == ["Built", "Begin"]
    assert user.state() == _expected_state(user, hook)


@pytest.mark.parametrize("hook", _CASES)
def test_the_demonstration_and_its_pi_commit_to_its_own_shop_alone(
    tmp_path: Path, millrace_command: str, monkeypatch: pytest.MonkeyPatch, hook: Hook
) -> None:
    user, commits = _make_user(tmp_path / "user"), tmp_path / "commits"
    monkeypatch.setenv("MILLRACER_TEST_COMMITS", str(commits))
    pi = shlex.join((sys.executable, str(_COMMITTING_PI)))
    tools = ("--millrace-command", millrace_command, "--pi-command", pi)

    result = user.runs(hook, (sys.executable, "-m", "millracer", "demo", "--json", *tools))

    assert result["route"] != "none", result
    assert commits.read_text().splitlines() == ["By the agent", "Begin a shop"]
    assert user.state() == _expected_state(user, hook)
