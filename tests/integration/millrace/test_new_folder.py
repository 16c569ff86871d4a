"""Describing Millrace's folder, and letting git ignore it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.new_workspace import WorkspaceFolder
from millracer.errors import WorkspaceUnusable
from millracer.millrace.files.new_folder import describe_folder, ignore_folder
from millracer.millrace.files.workspace import WorkspacePaths


def _workspace(root: Path, *, with_git: bool = True) -> WorkspacePaths:
    (root / "millrace-agents" / "state").mkdir(parents=True)
    (root / "millrace-agents" / "state" / "a").write_bytes(b"x" * 1500)
    (root / "millrace-agents" / "b").write_bytes(b"x" * 500)
    if with_git:
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)  # noqa: S607 - any git
    return WorkspacePaths(root)


def _described(paths: WorkspacePaths) -> WorkspaceFolder:
    return describe_folder(paths, Wait.for_seconds(30))


def test_a_folder_is_described_with_its_size(tmp_path: Path) -> None:
    found = _described(_workspace(tmp_path))

    assert str(found) == "millrace-agents/ (2 files, 2 kB)"
    assert found.is_shown_by_git


def test_large_folders_are_given_in_megabytes() -> None:
    folder = WorkspaceFolder(name="x/", files=658, size=7_040_000, is_shown_by_git=False)

    assert str(folder) == "x/ (658 files, 7.0 MB)"


def test_git_shows_nothing_outside_a_repository(tmp_path: Path) -> None:
    assert not _described(_workspace(tmp_path, with_git=False)).is_shown_by_git


@pytest.mark.parametrize("before", [None, "", "*.pyc", "*.pyc\n"])
def test_an_ignored_folder_is_not_shown_and_the_rest_of_the_file_stays(
    tmp_path: Path, before: str | None
) -> None:
    paths, ignored = _workspace(tmp_path), tmp_path / ".gitignore"
    if before is not None:
        ignored.write_text(before, encoding="utf-8")

    ignore_folder(paths)

    assert not _described(paths).is_shown_by_git
    kept = [line for line in (before or "").splitlines() if line]
    assert ignored.read_text(encoding="utf-8").splitlines() == [*kept, "/millrace-agents/"]


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    paths = _workspace(tmp_path)
    (tmp_path / ".gitignore").mkdir()

    with pytest.raises(WorkspaceUnusable):
        ignore_folder(paths)
