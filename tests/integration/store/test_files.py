"""No other user reads the store's files; its journal mode follows the SQLite that opens it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millracer.domain.workspaces import RegisteredWorkspace
from millracer.system.user_folders import STORE_NAME
from tests.integration.store.conftest import OpenStore

_MILL = RegisteredWorkspace(workspace_id="mill", root_path="/srv/mill")
_OLD, _NEW = (3, 51, 2), (3, 51, 3)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let a file be readable by all unless its maker sees to it."""
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def _journal_mode(folder: Path) -> str:
    with closing(sqlite3.connect(folder / STORE_NAME)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize(
    ("version", "beside"), [(_OLD, {"-journal"}), (_NEW, {"-wal", "-shm"})], ids=["old", "new"]
)
def test_folder_and_files_are_the_users_alone(
    folder: Path, open_store: OpenStore, version: tuple[int, int, int], beside: set[str]
) -> None:
    deep = folder / "a" / "b"
    store = open_store(folder=deep, sqlite_version=version)
    store.register_workspace(_MILL)

    expected = {STORE_NAME, f"{STORE_NAME}.lock", *(f"{STORE_NAME}{end}" for end in beside)}
    assert _modes(deep) == dict.fromkeys(expected, 0o600)
    assert {path.stat().st_mode & 0o777 for path in (folder, deep.parent, deep)} == {0o700}


def test_a_store_that_others_may_read_is_closed_to_them(
    folder: Path, open_store: OpenStore
) -> None:
    open_store().register_workspace(_MILL)
    (folder / STORE_NAME).chmod(0o644)
    open_store().list_workspaces()

    assert _modes(folder)[STORE_NAME] == 0o600


def test_a_folder_the_user_made_keeps_the_users_mode(folder: Path, open_store: OpenStore) -> None:
    folder.mkdir()
    folder.chmod(0o750)
    open_store().list_workspaces()

    assert folder.stat().st_mode & 0o777 == 0o750


def test_an_older_sqlite_takes_a_store_out_of_wal_and_a_newer_one_puts_it_back(
    folder: Path, open_store: OpenStore
) -> None:
    modes = []
    for version in (_NEW, _OLD, _NEW):
        store = open_store(sqlite_version=version)
        store.register_workspace(_MILL)
        assert store.list_workspaces() == (_MILL,)
        store.close()
        modes.append(_journal_mode(folder))

    assert modes == ["wal", "delete", "wal"]


@pytest.mark.parametrize(("first", "second"), [(_NEW, _OLD), (_OLD, _NEW)])
def test_stores_of_both_modes_work_side_by_side(
    open_store: OpenStore, first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    one, other = open_store(sqlite_version=first), open_store(sqlite_version=second)
    for number in range(3):
        for store in (one, other):
            store.record_request(
                "ui", client_name="ui", request_id=f"{number}-{id(store)}", warning_codes=()
            )

    session = one.find_session("ui")
    assert session == other.find_session("ui")
    assert session is not None
    assert len(session.recent_request_ids) == 6
