"""The store is inspected through a copy: commands' problems are reported, nothing is touched."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.doctor import store_copy
from millracer.doctor.store_copy import CopiedStore, inspect_state_folder, open_new_store
from millracer.domain.doctor_report import FolderReport
from millracer.domain.workspaces import RegisteredWorkspace
from millracer.errors import StoreUnavailable
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from tests.support import forked
from tests.support.trees import tree

_MILL = RegisteredWorkspace(workspace_id="mill", root_path="/srv/mill")
_WAL = (3, 51, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Iterator[CopiedStore]:
    into = tmp_path / "copy"
    into.mkdir()
    store = CopiedStore({"MILLRACER_STATE_DIR": str(folder), "HOME": str(tmp_path)}, into)
    yield store
    store.close()


def _fill(folder: Path, **settings: object) -> SqliteSessionStore:
    store = SqliteSessionStore(folder, **settings)
    store.register_workspace(_MILL)
    return store


def _wait(seconds: float = 5.0) -> Wait:
    return Wait.for_seconds(seconds)


def test_a_store_is_counted_and_read_and_not_touched(folder: Path, copied: CopiedStore) -> None:
    _fill(folder).close()
    before = tree(folder)

    copied.copy(_wait())

    assert (copied.inspect().exists, copied.inspect().workspaces, copied.inspect().sessions) == (
        True,
        1,
        0,
    )
    assert copied.store.find_workspace("mill") == _MILL
    assert tree(folder) == before


def test_what_is_in_the_log_beside_an_open_store_counts(folder: Path, copied: CopiedStore) -> None:
    store = _fill(folder, sqlite_version=_WAL)
    try:
        assert (folder / f"{STORE_NAME}-wal").stat().st_size > 0
        before = tree(folder)

        copied.copy(_wait())

        assert copied.inspect().workspaces == 1
        assert tree(folder) == before
    finally:
        store.close()


def test_a_missing_store_is_not_a_failure_and_none_is_created(
    folder: Path, copied: CopiedStore
) -> None:
    copied.copy(_wait())

    assert not copied.inspect().exists
    assert not folder.exists()


def test_a_corrupt_store_is_reported_by_its_own_path_and_left(
    folder: Path, copied: CopiedStore
) -> None:
    folder.mkdir()
    (folder / STORE_NAME).write_text("this is no database", encoding="utf-8")
    before = tree(folder)

    copied.copy(_wait())
    corrupt = copied.inspect().corrupt

    assert corrupt is not None
    assert corrupt.startswith(f"the session store {folder / STORE_NAME} was corrupt")
    assert "set aside" not in corrupt
    assert tree(folder) == before


def test_a_newer_store_is_refused_by_its_own_path(folder: Path, copied: CopiedStore) -> None:
    _fill(folder).close()
    with closing(sqlite3.connect(folder / STORE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 999")

    copied.copy(_wait())

    with pytest.raises(StoreUnavailable) as caught:
        copied.inspect()
    assert str(folder / STORE_NAME) in caught.value.message
    assert "999" in caught.value.message
    assert caught.value.suggested_action


def test_without_a_home_there_is_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_copy, "state_folder", lambda _environment: None)
    store = CopiedStore({}, tmp_path)

    store.copy(_wait())

    with pytest.raises(StoreUnavailable):
        store.inspect()
    assert inspect_state_folder({}) == FolderReport(path=None)


def test_a_store_that_is_written_all_the_time_is_given_up(
    folder: Path, copied: CopiedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(folder).close()
    ticks = iter(range(10**6))
    monkeypatch.setattr(store_copy, "stamp", lambda _path: next(ticks))

    copied.copy(_wait(0.2))

    with pytest.raises(StoreUnavailable, match="locked"):
        copied.inspect()
    with pytest.raises(StoreUnavailable):
        copied.store.list_sessions()


def test_waiting_for_a_store_can_be_cancelled(
    folder: Path, copied: CopiedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(folder).close()
    ticks = iter(range(10**6))
    monkeypatch.setattr(store_copy, "stamp", lambda _path: next(ticks))
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        copied.copy(Wait.for_seconds(60, cancellation))


def _refusals(folder: Path, into: Path) -> tuple[str, str]:
    store = CopiedStore({"MILLRACER_STATE_DIR": str(folder), "HOME": "/"}, into)
    store.copy(_wait())
    try:
        store.inspect()
    except StoreUnavailable as refused:
        return refused.message, refused.suggested_action or ""
    return "", ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
@pytest.mark.parametrize(("mode", "says"), [(0o444, "is read-only"), (0o000, "cannot be used")])
def test_a_store_without_permission_is_refused(public_folder: Path, mode: int, says: str) -> None:
    _fill(public_folder).close()
    (public_folder / STORE_NAME).chmod(mode)
    into = public_folder.parent / "copy"
    into.mkdir()
    into.chmod(0o777)

    message, action = forked.without_privileges(partial(_refusals, public_folder, into))

    assert says in message
    assert action


def test_this_sqlite_holds_a_store(tmp_path: Path) -> None:
    printed = open_new_store(tmp_path)

    assert printed.startswith(f"SQLite {sqlite3.sqlite_version}, journal mode ")
    assert (tmp_path / STORE_NAME).exists()


def _inspected(folder: Path) -> FolderReport:
    return inspect_state_folder({"MILLRACER_STATE_DIR": str(folder)})


def test_a_state_folder_is_reported_as_it_is(folder: Path) -> None:
    path = str(folder)
    assert _inspected(folder) == FolderReport(path=path, exists=False)
    assert not folder.exists()

    folder.mkdir(mode=0o700)
    assert _inspected(folder) == FolderReport(path=path, exists=True)

    folder.chmod(0o755)  # readable does no harm: the files in it are private
    assert not _inspected(folder).shared
    for mode in (0o720, 0o702):
        folder.chmod(mode)
        assert _inspected(folder).shared

    folder.rmdir()
    folder.touch()
    assert _inspected(folder).is_folder is False
    assert _inspected(folder / "below") == FolderReport(path=str(folder / "below"), writable=False)


def _writable(folder: Path) -> tuple[bool, bool]:
    found = _inspected(folder)
    return found.exists, found.writable


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
def test_a_foreign_state_folder_cannot_be_written_or_created(public_folder: Path) -> None:
    check = partial(_writable, public_folder)
    assert forked.without_privileges(check) == (True, False)

    public_folder.rmdir()
    assert forked.without_privileges(check) == (False, False)
    public_folder.mkdir()
