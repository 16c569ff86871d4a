"""The files that a certificate covers, and the commits that it is compared with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from millracer.repository import snapshot
from millracer.repository import work_tree as module
from millracer.repository.snapshot import COPY_LIMITS
from tests.integration.repository.test_git_repository import (
    ITEM,
    commit,
    contents,
    folder,
    git,
    repository,
    wait,
    write,
)

__all__ = ["folder"]


def test_the_tree_is_that_of_a_later_commit_and_nothing_is_written(folder: Path) -> None:
    write(folder, "new.txt", "new\n")
    before = contents(folder)

    found = repository(folder).work_tree(ITEM, wait())

    assert (found.problem, found.limits, found.differs_from_end) == ("", (), None)
    assert contents(folder) == before
    commit(folder)
    assert git(folder, "rev-parse", "HEAD^{tree}") == found.tree


def test_what_the_tree_does_not_cover_is_named(folder: Path) -> None:
    write(folder, ".gitignore", "build/\nmillrace-agents/\n")
    write(folder, "build/output", "ignored\n")
    write(folder, "millrace-agents/state.json", "{}\n")
    inner = write(folder, "inner/file", "text\n").parent
    git(inner, "init", "--quiet")
    commit(inner)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    write(folder, "images/large.bin", pointer)

    submodules, pointers, ignored = repository(folder).work_tree(ITEM, wait()).limits

    assert "submodules" in submodules
    assert "inner" in submodules
    assert "LFS" in pointers
    assert "images/large.bin" in pointers
    assert "ignores" in ignored
    assert "build/" in ignored
    assert "millrace-agents" not in ignored


def test_files_that_changed_after_the_end_are_found(folder: Path) -> None:
    at = repository(folder)
    at.measure_start(ITEM, wait(), keep=True)()
    write(folder, "made.txt", "made\n")
    at.changes(ITEM, wait(), is_final=True)

    assert at.work_tree(ITEM, wait()).differs_from_end is False
    commit(folder)
    assert at.work_tree(ITEM, wait()).differs_from_end is False
    write(folder, "made.txt", "other\n")
    assert at.work_tree(ITEM, wait()).differs_from_end is True


def test_a_file_that_was_too_large_to_record_does_not_differ(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(snapshot.RECORD_LIMITS, file_bytes=10)
    monkeypatch.setattr(snapshot, "RECORD_LIMITS", small)
    at = repository(folder)
    at.measure_start(ITEM, wait(), keep=True)()
    write(folder, "large.bin", "x" * 11)
    at.changes(ITEM, wait(), is_final=True)

    assert at.work_tree(ITEM, wait()).differs_from_end is False
    write(folder, "kept.txt", "other\n")
    assert at.work_tree(ITEM, wait()).differs_from_end is True


def test_a_folder_without_a_repository_has_no_tree(tmp_path: Path) -> None:
    found = repository(tmp_path).work_tree(ITEM, wait())

    assert (found.tree, found.is_repository) == (None, False)
    assert "not a git repository" in found.problem


def test_a_file_that_is_too_large_leaves_no_tree(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COPY_LIMITS", replace(COPY_LIMITS, file_bytes=10))
    write(folder, "large.bin", "x" * 11)

    found = repository(folder).work_tree(ITEM, wait())

    assert (found.tree, found.is_repository) == (None, True)
    assert "large.bin" in found.problem


def test_a_commit_is_found_with_its_tree_and_its_history(folder: Path, tmp_path: Path) -> None:
    base = git(folder, "rev-parse", "HEAD")
    write(folder, "new.txt", "new\n")
    head = commit(folder)
    git(folder, "checkout", "--quiet", "--orphan", "other")
    commit(folder)
    at = repository(folder)

    found = at.find_commit(head, base, wait())
    assert (found.commit, found.has_base, found.problem) == (head, True, "")
    assert found.tree == git(folder, "rev-parse", f"{head}^{{tree}}")
    assert found.uncovered == ()
    assert at.find_commit(base, base, wait()).has_base is True
    assert at.find_commit("HEAD", base, wait()).has_base is False
    assert at.find_commit("HEAD", "1" * 40, wait()).has_base is None
    assert at.find_commit("HEAD", None, wait()).has_base is None
    for unknown in ("nowhere", "--all", "-h", ""):
        missing = at.find_commit(unknown, base, wait())
        assert missing.commit is None
        assert missing.problem
    shutil.rmtree(folder / ".git")
    assert at.find_commit("HEAD", base, wait()).commit is None


def test_a_commit_of_millraces_folder_is_recognised(folder: Path) -> None:
    write(folder, "millrace-agents/state.json", "{}\n")
    head = commit(folder)

    assert repository(folder).find_commit(head, None, wait()).uncovered == ("millrace-agents",)


def test_the_files_of_a_commit_are_exported(folder: Path) -> None:
    head = git(folder, "rev-parse", "HEAD")
    write(folder, "kept.txt", "changed\n")
    before = contents(folder)

    with repository(folder).export_commit(head, wait()) as export:
        assert export.problem == ""
        assert export.tree == git(folder, "rev-parse", "HEAD^{tree}")
        kept = (Path(export.folder) / "kept.txt").read_text(encoding="utf-8")
    assert kept == "one\ntwo\nthree\n"
    assert contents(folder) == before
    with repository(folder).export_commit("1" * 40, wait()) as export:
        assert export.tree is None
        assert export.problem


def test_a_missing_object_starts_no_program_of_the_repository(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": str(folder),
        "remote.origin.uploadPack": f"touch {mark}; false",
    }.items():
        git(folder, "config", name, value)

    found = repository(folder).find_commit("HEAD", "1" * 40, wait())

    assert found.has_base is None
    assert not mark.exists()
