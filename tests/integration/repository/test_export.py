"""The files of a workspace are exported with the real git, and the repository stays as it is."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.repository import export as export_module
from millracer.repository.snapshot import COPY_LIMITS
from tests.integration.repository.test_git_repository import (
    commit,
    contents,
    folder,
    git,
    repository,
    wait,
    write,
)

__all__ = ["folder"]


def exported(at: Path) -> dict[str, str]:
    """Return the exported files by path: their content, or the target of a link."""
    with repository(at).export(wait()) as export:
        assert export.problem == ""
        root = Path(export.folder)
        assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
        found = {
            str(path.relative_to(root)): f"-> {path.readlink()}"
            if path.is_symlink()
            else path.read_text(encoding="utf-8")
            for path in root.rglob("*")
            if path.is_symlink() or path.is_file()
        }
        if (root / "run.sh").exists():
            assert os.access(root / "run.sh", os.X_OK)
            assert not os.access(root / "kept.txt", os.X_OK)
    assert not root.parent.exists()
    return found


def problem(at: Path) -> str:
    with repository(at).export(wait()) as export:
        assert (export.tree, export.folder) == (None, "")
        return export.problem


def test_the_files_that_git_does_not_ignore_are_exported_as_the_work_left_them(
    folder: Path,
) -> None:
    write(folder, ".gitignore", "*.log\n")
    write(folder, ".gitattributes", "tests export-ignore\n")
    write(folder, "tests/test_it.py", "kept\n")
    commit(folder)
    write(folder, "kept.txt", "changed\n")
    write(folder, "neu/ünd.txt", "untracked\n")
    write(folder, "build.log", "ignored\n")
    write(folder, "run.sh", "#!/bin/sh\n").chmod(0o755)
    (folder / "link").symlink_to("kept.txt")
    (folder / "gone.txt").unlink()
    before = contents(folder)

    found = exported(folder)

    assert found == {
        ".gitignore": "*.log\n",
        ".gitattributes": "tests export-ignore\n",
        "tests/test_it.py": "kept\n",
        "kept.txt": "changed\n",
        "old name.txt": (folder / "old name.txt").read_text(encoding="utf-8"),
        "neu/ünd.txt": "untracked\n",
        "run.sh": "#!/bin/sh\n",
        "link": "-> kept.txt",
    }
    assert contents(folder) == before


def test_the_tree_equals_that_of_a_later_commit(folder: Path) -> None:
    write(folder, "new.txt", "new\n")
    with repository(folder).export(wait()) as export:
        tree = export.tree
    assert repository(folder).tree(wait()) == tree

    commit(folder)

    assert git(folder, "rev-parse", "HEAD^{tree}") == tree


def test_a_workspace_inside_a_repository_is_found_in_the_export(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, "above.txt", "above\n")
    inner = write(tmp_path, "inner/here.txt", "here\n").parent
    commit(tmp_path)
    (inner / ".millracer").mkdir()

    with repository(inner).export(wait()) as export:
        assert (Path(export.folder) / "here.txt").read_text(encoding="utf-8") == "here\n"
        assert (Path(export.folder).parent / "above.txt").is_file()


def test_the_exported_files_are_those_of_the_tree_whatever_the_repository_configures(
    folder: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "started"
    write(folder, ".git/info/attributes", "* filter=other\n")
    git(folder, "config", "filter.other.smudge", f"touch {mark}; sed s/two/2/")
    original = git(folder, "rev-parse", "HEAD:gone.txt")
    git(folder, "replace", original, git(folder, "rev-parse", "HEAD:kept.txt"))

    found = exported(folder)

    assert (found["kept.txt"], found["gone.txt"]) == ("one\ntwo\nthree\n", "a\nb\n")
    assert not mark.exists()


def test_attributes_in_the_tree_apply(folder: Path) -> None:
    write(folder, ".gitattributes", "dos.txt eol=crlf\n")
    write(folder, "dos.txt", "a\r\n")
    commit(folder)

    with repository(folder).export(wait()) as export:
        assert (Path(export.folder) / "dos.txt").read_bytes() == b"a\r\n"


def test_a_repository_with_longer_ids_is_exported(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    write(tmp_path, "kept.txt", "kept\n")
    commit(tmp_path)

    assert exported(tmp_path) == {"kept.txt": "kept\n"}


def test_a_workspace_that_a_commit_replaces_by_a_link_is_not_exported(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "inner").symlink_to(tmp_path)
    linked = commit(root)
    (root / "inner").unlink()
    inner = write(root, "inner/here.txt", "here\n").parent

    with repository(inner).export_commit(linked, wait()) as export:
        assert export.folder == ""


def test_a_folder_without_a_repository_is_not_exported(tmp_path: Path) -> None:
    assert "not a git repository" in problem(tmp_path)
    assert repository(tmp_path).tree(wait()) is None


def test_an_ignored_folder_of_millrace_does_not_prevent_an_export(folder: Path) -> None:
    write(folder, ".gitignore", "millrace-agents/\n")
    write(folder, "millrace-agents/state.json", "{}\n")

    found = exported(folder)

    assert "kept.txt" in found
    assert "millrace-agents/state.json" not in found


def test_a_file_that_git_cannot_add_is_not_left_out(folder: Path) -> None:
    inner = write(folder, "inner/file", "text\n").parent
    git(inner, "init", "--quiet")  # without a commit, git adds neither the folder nor its files

    assert problem(folder)


def test_a_large_changed_file_is_exported(folder: Path) -> None:
    size = 5 * 1024 * 1024  # more than a record measures
    write(folder, "large.bin", b"x" * size)

    with repository(folder).export(wait()) as export:
        assert export.problem == ""
        assert (Path(export.folder) / "large.bin").stat().st_size == size
        tree = export.tree
    assert repository(folder).tree(wait()) == tree


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("file_bytes", "too large: more.txt"), ("total_bytes", "10 bytes"), ("files", "1 files")],
)
def test_an_export_has_limits_of_its_own(
    folder: Path, limit: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = 1 if limit == "files" else 10
    monkeypatch.setattr(export_module, "COPY_LIMITS", replace(COPY_LIMITS, **{limit: value}))
    write(folder, "more.txt", "x" * 11)
    write(folder, "few.txt", "x")

    assert expected in problem(folder)


def test_a_submodule_is_not_exported(folder: Path) -> None:
    inner = write(folder, "inner/file", "text\n").parent
    git(inner, "init", "--quiet")
    commit(inner)

    assert "inner is a submodule" in problem(folder)


def test_a_pointer_of_git_lfs_is_not_exported(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    write(folder, "images/large.bin", pointer)

    assert "images/large.bin" in problem(folder)


def test_an_export_is_removed_though_a_check_took_permissions(folder: Path) -> None:
    with repository(folder).export(wait()) as export:
        locked = Path(export.folder, "locked")
        locked.mkdir()
        (locked / "file").touch()
        locked.chmod(0)
        root = Path(export.folder).parent

    assert not root.exists()


def test_a_stop_request_is_raised(folder: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled), repository(folder).export(Wait(cancellation)):
        pass
