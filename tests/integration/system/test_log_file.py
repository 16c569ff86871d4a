"""The log on a real disk: private, bounded, and silent about nothing that keeps it from one."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from millracer.system.log_file import NoLog, append_to_log


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    return {"MILLRACER_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture
def tracked() -> object:
    """Let what is made be readable to all, unless it is made otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_entries_follow_each_other_with_moment_and_process(place: dict[str, str]) -> None:
    append_to_log("one\nof two lines", place)
    path = append_to_log("two \udc80 ünlich", place)

    first, second = re.findall(
        rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {os.getpid()} (\w+)",
        path.read_text("utf-8"),
        re.MULTILINE,
    )
    assert (first, second) == ("one", "two")


@pytest.mark.usefixtures("tracked")
def test_folder_and_files_are_the_users_alone(place: dict[str, str]) -> None:
    entry = "x" * 100_000
    for _ in range(30):
        path = append_to_log(entry, place)
        assert modes(path.parent) == {0o600}

    assert modes(path.parent.parent) == {0o700}
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700
    assert len(list(path.parent.iterdir())) == 3


def test_a_file_that_others_may_read_is_closed_to_them(place: dict[str, str]) -> None:
    path = append_to_log("one", place)
    path.chmod(0o644)
    append_to_log("two", place)

    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_kept_is_bounded(place: dict[str, str]) -> None:
    for _ in range(60):
        path = append_to_log("x" * 10_000_000, place)

    assert len(list(path.parent.iterdir())) == 4
    assert sum(each.stat().st_size for each in path.parent.iterdir()) <= 4 << 20


@pytest.mark.parametrize("state", ["file/state", "file"])
def test_an_unwritable_file_is_reported(tmp_path: Path, state: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NoLog, match=r"millracer\.log"):
        append_to_log("one", {"MILLRACER_STATE_DIR": str(tmp_path / state)})


def test_a_full_disk_is_reported(place: dict[str, str]) -> None:
    path = append_to_log("one", place)
    path.unlink()
    path.symlink_to("/dev/full")

    with pytest.raises(NoLog, match="No space left on device"):
        append_to_log("two", place)


def test_an_obstacle_to_setting_a_full_file_aside_is_reported(place: dict[str, str]) -> None:
    path = append_to_log("one", place)
    path.write_bytes(b"x" * (1 << 20))
    for number in (2, 3):
        path.with_name(f"{path.name}.{number}").mkdir()

    with pytest.raises(NoLog, match="cannot be written: "):
        append_to_log("two", place)


def test_threads_lose_no_entry(place: dict[str, str]) -> None:
    entries = [f"entry {number}." for number in range(8)]
    threads = [threading.Thread(target=append_to_log, args=(each, place)) for each in entries]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    path = append_to_log("last", place)
    assert set(entries) == set(re.findall(r"entry \d\.", path.read_text()))
