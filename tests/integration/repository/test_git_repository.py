"""Changes are measured with the real git, and the repository stays as it is."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.work.changes import Changes, FileStatus
from millracer.errors import ChangesUnknown
from millracer.repository import snapshot
from millracer.repository.adapter import GitRepository

ITEM = "widget-0a1b"
_GIT = shutil.which("git") or "git"
_IDENTITY = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")


def wait() -> Wait:
    return Wait.for_seconds(30)


def git(folder: Path, *arguments: str) -> str:
    completed = subprocess.run(
        (_GIT, *_IDENTITY, *arguments), cwd=folder, capture_output=True, text=True, check=True
    )
    return completed.stdout.strip()


def commit(folder: Path, message: str = "Change") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with Millracer's folder, as after the initialisation of a workspace."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / ".millracer").mkdir()
    (folder / ".millracer" / ".gitignore").write_text("*\n", encoding="utf-8")
    write(folder, "kept.txt", "one\ntwo\nthree\n")
    write(folder, "gone.txt", "a\nb\n")
    write(folder, "old name.txt", "".join(f"line {n}\n" for n in range(20)))
    commit(folder, "Begin")
    return folder


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def repository(folder: Path, **options: object) -> GitRepository:
    return GitRepository(folder, folder / ".millracer" / "changes", **options)


def started(folder: Path) -> GitRepository:
    measured = repository(folder)
    measured.measure_start(ITEM, wait(), keep=True)()
    return measured


def changes(folder: Path, *, is_final: bool = False) -> Changes:
    """Measure as another process does."""
    return repository(folder).changes(ITEM, wait(), is_final=is_final)


def rows(found: Changes) -> list[tuple[str, str, int | None, int | None]]:
    return [(each.path, each.status, each.added, each.removed) for each in found.files]


def contents(folder: Path) -> dict[str, str]:
    """Return the repository's own files: contents, and times except those of objects.

    git renews the time of an existing object that a new tree refers to, as protection from `gc`.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        + ("" if "objects" in path.parts else f" {path.stat().st_mtime_ns}")
        for path in sorted((folder / ".git").rglob("*"))
        if path.is_file()
    }


def test_every_kind_of_change_is_listed_with_its_lines(folder: Path) -> None:
    base = git(folder, "rev-parse", "HEAD")
    started(folder)
    write(folder, "kept.txt", "one\n2\nthree\nfour\n")
    write(folder, "neu/ünd.txt", "new\n")
    write(folder, "image.bin", b"\x00\x01")
    (folder / "gone.txt").unlink()
    (folder / "old name.txt").rename(folder / "new name.txt")

    found = changes(folder)

    assert rows(found) == [
        ("gone.txt", FileStatus.DELETED, 0, 2),
        ("image.bin", FileStatus.ADDED, None, None),
        ("kept.txt", FileStatus.MODIFIED, 2, 1),
        ("neu/ünd.txt", FileStatus.ADDED, 1, 0),
        ("new name.txt", FileStatus.RENAMED, 0, 0),
    ]
    assert found.files[-1].previous_path == "old name.txt"
    assert (found.added, found.removed) == (3, 3)
    assert (found.base_commit, found.head_commit, found.dirty_before) == (base, base, False)
    assert found.started_at is not None
    assert found.ended_at is not None
    assert found.started_at <= found.ended_at


def test_the_repository_is_not_touched(folder: Path) -> None:
    write(folder, "kept.txt", "dirty\n")
    git(folder, "add", "kept.txt")
    write(folder, "untracked.txt", "new\n")
    status = git(folder, "status", "--porcelain")
    before = contents(folder)

    started(folder)
    write(folder, "later.txt", "later\n")
    changes(folder, is_final=True)
    repository(folder).patch(ITEM, wait())

    assert contents(folder) == before
    (folder / "later.txt").unlink()
    assert git(folder, "status", "--porcelain") == status


def test_reading_the_changes_of_live_work_writes_no_record(folder: Path) -> None:
    started(folder)
    write(folder, "kept.txt", "one\nother\n")
    write(folder, "new.txt", "n\n")
    before = {path: path.stat().st_mtime_ns for path in (folder / ".millracer").rglob("*")}

    found = changes(folder)
    patch = repository(folder).patch(ITEM, wait())

    assert [each.path for each in found.files] == ["kept.txt", "new.txt"]
    assert "+other" in patch
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert set((folder / ".millracer").rglob("*")) == set(before)


def test_earlier_changes_are_not_counted_nor_is_committing_them(folder: Path) -> None:
    write(folder, "kept.txt", "one\ntwo\nthree\nmine\n")
    write(folder, "mine.txt", "mine\n")
    started(folder)
    base = git(folder, "rev-parse", "HEAD")
    write(folder, "added.txt", "1\n2\n")
    head = commit(folder)

    found = changes(folder)

    assert rows(found) == [("added.txt", FileStatus.ADDED, 2, 0)]
    assert found.dirty_before
    assert (found.base_commit, found.head_commit) == (base, head)


def test_the_first_start_and_the_first_final_end_count(folder: Path) -> None:
    started(folder)
    write(folder, "first.txt", "1\n")
    started(folder)
    final = changes(folder, is_final=True)
    write(folder, "later.txt", "1\n")

    assert rows(final) == [("first.txt", FileStatus.ADDED, 1, 0)]
    assert changes(folder, is_final=True) == final
    assert "later.txt" not in repository(folder).patch(ITEM, wait())
    assert changes(folder, is_final=False) == final


def test_the_patch_can_be_applied_to_the_start(folder: Path, tmp_path: Path) -> None:
    write(folder, "kept.txt", "one\ntwo\nthree\nmine\n")
    started(folder)
    write(folder, "kept.txt", "one\ntwo\n3\nmine\n")
    write(folder, "sub/added.txt", "new\n")

    patch = repository(folder).patch(ITEM, wait())

    for name in ("kept.txt", "sub/added.txt"):
        assert f"b/{name}" in patch
    write(folder, "kept.txt", "one\ntwo\nthree\nmine\n")
    (folder / "sub" / "added.txt").unlink()
    written = write(tmp_path, "work.patch", patch)
    git(folder, "apply", str(written))
    assert (folder / "kept.txt").read_text(encoding="utf-8") == "one\ntwo\n3\nmine\n"


def test_the_folders_of_millrace_and_millracer_are_left_out(folder: Path) -> None:
    started(folder)
    write(folder, "millrace-agents/runs/a.json", "{}")
    write(folder, ".millracer/logs/a.log", "x")

    assert changes(folder).files == ()


def test_a_workspace_inside_a_repository_sees_its_own_files_alone(folder: Path) -> None:
    inner = folder / "inner"
    write(inner, "own.txt", "1\n")
    commit(folder)
    (inner / ".millracer").mkdir()
    started(inner)
    write(inner, "own.txt", "2\n")
    write(folder, "outside.txt", "1\n")

    found = changes(inner)

    assert rows(found) == [("own.txt", FileStatus.MODIFIED, 1, 1)]
    assert not found.dirty_before


def test_a_repository_without_a_commit_and_one_with_a_colon_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / 'a:b "c"'
    write(folder, "mine.txt", "1\n")
    git(folder, "init", "--quiet")
    (folder / ".millracer").mkdir()
    started(folder)
    write(folder, "mine.txt", "2\n")
    head = commit(folder)

    found = changes(folder)

    assert rows(found) == [("mine.txt", FileStatus.MODIFIED, 1, 1)]
    assert (found.base_commit, found.head_commit, found.dirty_before) == (None, head, True)


def test_a_linked_worktree_is_measured(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(folder, "worktree", "add", "--quiet", str(linked))
    (linked / ".millracer").mkdir()
    started(linked)
    write(linked, "added.txt", "1\n")

    assert rows(changes(linked)) == [("added.txt", FileStatus.ADDED, 1, 0)]


def test_a_nested_repository_does_not_hide_other_changes(folder: Path) -> None:
    started(folder)
    for name in ("empty", "full"):
        (folder / name).mkdir()
        git(folder / name, "init", "--quiet")
    write(folder / "full", "a.txt", "1\n")
    commit(folder / "full")
    write(folder, "added.txt", "1\n")

    found = changes(folder)

    assert found.unknown is None
    assert ("added.txt", FileStatus.ADDED, 1, 0) in rows(found)


def test_a_large_file_is_named_and_not_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(snapshot.RECORD_LIMITS, file_bytes=100)
    monkeypatch.setattr(snapshot, "RECORD_LIMITS", limits)
    started(folder)
    write(folder, "large [1].bin", b"x" * 101)
    write(folder, "small.txt", "1\n")

    found = changes(folder)

    assert rows(found) == [("small.txt", FileStatus.ADDED, 1, 0)]
    assert found.not_measured == ("large [1].bin",)


@pytest.mark.parametrize("limit", ["files", "total_bytes"])
def test_too_many_changes_are_not_measured(
    folder: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(folder)
    limits = replace(snapshot.RECORD_LIMITS, **{limit: 1})
    monkeypatch.setattr(snapshot, "RECORD_LIMITS", limits)
    for number in range(2):
        write(folder, f"{number}.txt", "12")

    found = changes(folder)

    assert found.files == ()
    assert "1 " in (found.unknown or "")


def test_a_variable_of_a_git_hook_selects_no_other_repository(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    started(folder)
    write(folder, "added.txt", "1\n")

    assert rows(changes(folder)) == [("added.txt", FileStatus.ADDED, 1, 0)]


def test_work_of_which_nothing_is_kept_leaves_nothing_behind(folder: Path) -> None:
    measured = repository(folder)
    measured.measure_start(ITEM, wait(), keep=False)()
    write(folder, "added.txt", "1\n")

    found = measured.changes(ITEM, wait(), is_final=True)

    assert rows(found) == [("added.txt", FileStatus.ADDED, 1, 0)]
    assert not (folder / ".millracer" / "changes").exists()
    assert measured.changes(ITEM, wait(), is_final=True).unknown is not None


def test_a_run_that_is_broken_off_leaves_no_temporary_folder_and_no_warning(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    measured = repository(folder)
    measured.measure_start(ITEM, wait(), keep=False)()
    assert list(temporary.iterdir())

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del measured
        gc.collect()

    assert list(temporary.iterdir()) == []
    assert [each.category for each in warned] == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param("plain", "not a git repository", id="no repository"),
        pytest.param("ignored", "ignores", id="ignored by git"),
        pytest.param("bare", "working tree", id="without files"),
        pytest.param("damaged", "git failed", id="damaged"),
    ],
)
def test_what_cannot_be_measured_says_why(tmp_path: Path, prepare: str, reason: str) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    match prepare:
        case "ignored":
            git(tmp_path, "init", "--quiet")
            write(tmp_path, ".gitignore", "place/\n")
        case "bare":
            git(folder, "init", "--quiet", "--bare")
        case "damaged":
            git(folder, "init", "--quiet")
            write(folder, ".git/index", "nonsense")
    (folder / ".millracer").mkdir()
    started(folder)

    found = changes(folder, is_final=True)

    assert reason in (found.unknown or "")
    assert (found.files, found.started_at) == ((), None)
    with pytest.raises(ChangesUnknown, match=reason):
        repository(folder).patch(ITEM, wait())


def test_without_git_the_reason_is_given(folder: Path) -> None:
    missing = repository(folder, environment={**os.environ, "PATH": "/nonexistent"})
    missing.measure_start(ITEM, wait(), keep=True)()

    assert "git is not installed" in (changes(folder).unknown or "")


@pytest.mark.parametrize("item_id", ["unknown", "../../kept", "", "a/b", "."])
def test_an_item_without_a_recorded_start_has_no_changes(folder: Path, item_id: str) -> None:
    started(folder)

    assert repository(folder).changes(item_id, wait(), is_final=False).unknown is not None
    with pytest.raises(ChangesUnknown):
        repository(folder).patch(item_id, wait())


def test_ended_work_without_a_recorded_end_does_not_have_the_later_changes(folder: Path) -> None:
    measured = started(folder)
    write(folder, "later.txt", "of other work")

    found = measured.changes(ITEM, wait(), is_final=True, has_ended=True)
    assert (found.files, found.ended_at) == ((), None)
    assert found.unknown
    assert found.started_at is not None
    with pytest.raises(ChangesUnknown):
        measured.patch(ITEM, wait(), has_ended=True)

    assert rows(changes(folder, is_final=True)) == [("later.txt", "added", 1, 0)]
    assert measured.changes(ITEM, wait(), has_ended=True).unknown is None
    assert "later.txt" in measured.patch(ITEM, wait(), has_ended=True)


def test_a_workspace_that_cannot_be_written_has_no_record(tmp_path: Path) -> None:
    measured = repository(tmp_path / "absent")
    measured.measure_start(ITEM, wait(), keep=True)()

    assert measured.changes(ITEM, wait(), is_final=True).unknown is not None


def test_only_the_newest_records_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millracer.repository.records._KEPT_RECORDS", 3)
    for number in range(5):
        repository(folder).measure_start(f"item-{number}", wait(), keep=True)()
        os.utime(folder / ".millracer" / "changes" / f"item-{number}", (number, number))

    kept = sorted(path.name for path in (folder / ".millracer" / "changes").iterdir())
    assert kept == ["item-2", "item-3", "item-4"]
