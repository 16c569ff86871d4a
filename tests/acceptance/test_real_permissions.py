"""Millracer's files of a run on the real Millrace are the user's alone, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Millracer
from tests.support.workspace import make_workspace


@pytest.fixture(params=[0o000, 0o077], ids=["open", "closed"])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_files_are_0600_and_folders_0700_and_millrace_can_work_with_them(
    tmp_path: Path, millrace_command: str
) -> None:
    state = tmp_path / "state"
    workspace = make_workspace(tmp_path / "workspace", millrace_command)
    millracer = Millracer(
        workspace, millrace_command, environment={"MILLRACER_STATE_DIR": str(state)}
    )

    ran = millracer.delegate("Write it down")

    assert ran.result["outcome"] == "completed", ran.stderr
    own = workspace.root / ".millracer"
    made = [path for root in (own, state) for path in (root, *root.rglob("*"))]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {str(path): oct(mode) for path, mode in modes.items()} == {
        str(path): oct(0o700 if path.is_dir() else 0o600) for path in made
    }
    names = {path.parent.name for path in made if path.is_file()}
    assert names == {".millracer", "intake", "locks", "logs", "state"}
