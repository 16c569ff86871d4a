"""A corrupt store is set aside, once, and the call is done on a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from millracer.domain.workspaces import RegisteredWorkspace, Selection
from millracer.errors import StoreUnavailable
from millracer.store.lock import FileIdentity, set_aside
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from millracer.testing.clock import FrozenClock
from tests.integration.store.conftest import OpenStore
from tests.support import forked

_MILL = RegisteredWorkspace(workspace_id="mill", root_path="/srv/mill")
#: In WAL mode the file alone does not say what the database holds.
_NO_WAL = (3, 40, 1)
_ASIDE = f"{STORE_NAME}.corrupt-20260102T030405Z"


def _text(path: Path) -> None:
    path.write_text("this is no database", encoding="utf-8")


def _noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def _torn(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:1000])


def _damaged_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def _damaged_schema(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 3996 + content[4096:])


def _foreign(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE notes (note TEXT)")


def _foreign_numbered(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE notes (note TEXT)", "PRAGMA user_version = 1")


def _foreign_newer(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE notes (note TEXT)", "PRAGMA user_version = 99")


def _table_lost(path: Path) -> None:
    _execute(path, "DROP TABLE workspaces")


def _column_lost(path: Path) -> None:
    _execute(path, "ALTER TABLE workspaces RENAME COLUMN tags TO labels")


def _tags_unreadable(path: Path) -> None:
    _execute(path, "UPDATE workspaces SET tags = 'no JSON'")


def _tags_no_list(path: Path) -> None:
    _execute(path, "UPDATE workspaces SET tags = '{\"a\": 1}'")


def _path_no_text(path: Path) -> None:
    _execute(path, "UPDATE workspaces SET root_path = x'ff'")


def _execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "damage",
    [
        _text,
        _noise,
        _torn,
        _damaged_pages,
        _damaged_schema,
        _foreign,
        _foreign_numbered,
        _foreign_newer,
        _table_lost,
        _column_lost,
        _tags_unreadable,
        _tags_no_list,
        _path_no_text,
    ],
)
def test_a_file_that_is_not_a_store_is_set_aside_and_the_call_done_on_a_new_one(
    folder: Path, open_store: OpenStore, damage: Callable[[Path], None]
) -> None:
    old = open_store()
    old.register_workspace(_MILL)
    old.close()
    damage(folder / STORE_NAME)
    content = (folder / STORE_NAME).read_bytes()

    store = open_store()
    assert store.list_workspaces() == ()
    assert store.register_workspace(_MILL)
    assert store.list_workspaces() == (_MILL,)
    assert [notice.code for notice in store.notices] == ["session_store_corrupt"]
    assert str(folder / _ASIDE) in store.notices[0].text
    assert (folder / _ASIDE).read_bytes() == content
    assert open_store().list_workspaces() == (_MILL,)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sessions SET created_at = '2026-01-02T03:04:05'",
        "UPDATE sessions SET updated_at = 'now'",
        "UPDATE sessions SET last_warning_codes = '[1]'",
        "UPDATE sessions SET recent_request_ids = x'ff'",
    ],
)
def test_a_session_that_no_store_wrote_is_corruption(
    folder: Path, open_store: OpenStore, damage: str
) -> None:
    open_store().record_request("ui", client_name="ui", request_id="one", warning_codes=())
    _execute(folder / STORE_NAME, damage)

    store = open_store()
    assert store.list_sessions() == ()
    assert [notice.code for notice in store.notices] == ["session_store_corrupt"]


def test_a_store_that_becomes_corrupt_under_an_open_connection_is_set_aside(
    folder: Path, open_store: OpenStore
) -> None:
    store = open_store(sqlite_version=_NO_WAL)
    store.register_workspace(_MILL)
    path = folder / STORE_NAME
    with path.open("r+b") as file:
        file.write(b"\0" * 8192)

    assert store.register_workspace(_MILL)
    assert store.list_workspaces() == (_MILL,)
    assert [notice.code for notice in store.notices] == ["session_store_corrupt"]


def test_a_store_removed_under_an_open_connection_is_created_again(
    folder: Path, open_store: OpenStore
) -> None:
    store = open_store(sqlite_version=_NO_WAL)
    store.register_workspace(_MILL)
    (folder / STORE_NAME).unlink()

    assert store.register_workspace(_MILL)
    assert open_store().list_workspaces() == (_MILL,)


def test_two_corrupt_stores_at_one_moment_are_both_kept(
    folder: Path, open_store: OpenStore
) -> None:
    for _ in range(2):
        store = open_store()
        store.list_workspaces()
        store.close()
        _text(folder / STORE_NAME)
    store = open_store()
    store.list_workspaces()

    assert (folder / _ASIDE).exists()
    assert str(folder / f"{_ASIDE}-2") in store.notices[0].text


def test_what_sqlite_keeps_beside_it_goes_with_a_corrupt_store(
    folder: Path, clock: FrozenClock
) -> None:
    folder.mkdir()
    path = folder / STORE_NAME
    _text(path)
    beside = ("-journal", "-wal", "-shm")
    for suffix in beside:
        (folder / f"{STORE_NAME}{suffix}").write_text(suffix, encoding="utf-8")

    # SQLite would roll the journal of one database back into the next.
    assert set_aside(path, FileIdentity.of(path), clock.now()) == folder / _ASIDE
    assert {name.name: name.read_text(encoding="utf-8") for name in folder.iterdir()} == {
        _ASIDE: "this is no database",
        **{f"{_ASIDE}{suffix}": suffix for suffix in beside},
    }


def test_a_file_that_took_the_place_of_the_corrupt_one_is_not_set_aside(
    folder: Path, clock: FrozenClock
) -> None:
    folder.mkdir()
    path = folder / STORE_NAME
    _text(path)
    found = FileIdentity.of(path)
    aside = set_aside(path, found, clock.now())
    path.write_text("the new store", encoding="utf-8")

    assert set_aside(path, found, clock.now()) == aside == folder / _ASIDE
    assert path.read_text(encoding="utf-8") == "the new store"


def test_a_corrupt_file_that_is_gone_is_not_named(folder: Path, clock: FrozenClock) -> None:
    folder.mkdir()
    path = folder / STORE_NAME
    _text(path)
    found = FileIdentity.of(path)
    path.rename(folder / "elsewhere")

    assert set_aside(path, found, clock.now()) is None


def test_processes_that_find_it_corrupt_at_once_set_it_aside_once_and_lose_nothing(
    folder: Path, open_store: OpenStore
) -> None:
    folder.mkdir()
    _noise(folder / STORE_NAME)

    def select(number: int) -> None:
        store = SqliteSessionStore(folder)
        chosen = Selection(workspace_id=None, root_path=f"/srv/{number}")
        store.select(f"s{number:02d}", chosen, client_name="ui")

    codes = forked.together([partial(select, number) for number in range(8)])

    kept = [session.session_id for session in open_store().list_sessions()]
    asides = [path for path in folder.iterdir() if path.name.startswith(f"{STORE_NAME}.corrupt-")]
    assert codes == [0] * 8
    assert kept == [f"s{number:02d}" for number in range(8)]
    assert len(asides) == 1


def test_a_corrupt_store_that_cannot_be_renamed_makes_the_store_unavailable(
    public_folder: Path,
) -> None:
    _text(public_folder / STORE_NAME)
    public_folder.chmod(0o555)

    def read() -> None:
        SqliteSessionStore(public_folder).list_workspaces()

    with pytest.raises(StoreUnavailable, match="corrupt"):
        forked.without_privileges(read)
