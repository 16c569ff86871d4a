"""A store that cannot be used says so in one way, and one that can only be read is read."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from millracer.domain.workspaces import RegisteredWorkspace, Selection
from millracer.errors import StoreUnavailable
from millracer.ports import SessionStore
from millracer.store.lock import using
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from tests.integration.store.conftest import OpenStore, give_away
from tests.support import forked

_MILL = RegisteredWorkspace(workspace_id="mill", root_path="/srv/mill")
_CHOSEN = Selection(workspace_id=None, root_path="/srv/mill")

_READS: dict[str, Callable[[SessionStore], object]] = {
    "list_workspaces": lambda store: store.list_workspaces(),
    "find_workspace": lambda store: store.find_workspace("mill"),
    "list_sessions": lambda store: store.list_sessions(),
    "find_session": lambda store: store.find_session("ui"),
}
_WRITES: dict[str, Callable[[SessionStore], object]] = {
    "register_workspace": lambda store: store.register_workspace(_MILL),
    "forget_workspace": lambda store: store.forget_workspace("mill"),
    "select": lambda store: store.select("ui", _CHOSEN, client_name="ui"),
    "select_workspace": lambda store: store.select_workspace(
        "ui", None, "/srv/mill", client_name="ui"
    ),
    "select_mode": lambda store: store.select_mode("ui", "lad_pi", client_name="ui"),
    "record_request": lambda store: store.record_request(
        "ui", client_name="ui", request_id="one", warning_codes=()
    ),
    "forget_session": lambda store: store.forget_session("ui"),
}
_CALLS = {**_READS, **_WRITES}

#: In WAL mode a writer does not keep readers out.
_NO_WAL = (3, 40, 1)


@pytest.fixture(params=[(3, 40, 1), (3, 51, 3)], ids=["rollback", "wal"])
def filled(request: pytest.FixtureRequest, public_folder: Path) -> Path:
    """A store with one workspace, made under each journal mode, owned by an unprivileged user."""
    store = SqliteSessionStore(public_folder, sqlite_version=request.param)
    store.register_workspace(_MILL)
    store.close()
    give_away(public_folder)
    return public_folder


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS.keys())
def test_a_store_locked_too_long_is_unavailable_and_works_again_later(
    folder: Path, open_store: OpenStore, call: Callable[[SessionStore], object]
) -> None:
    store = open_store(busy_seconds=0, sqlite_version=_NO_WAL)
    store.list_workspaces()

    with (
        _held(folder / STORE_NAME),
        pytest.raises(StoreUnavailable, match="locked") as caught,
    ):
        call(store)
    assert caught.value.suggested_action
    call(store)


def test_a_locked_store_cannot_be_opened_either(folder: Path, open_store: OpenStore) -> None:
    store = open_store(sqlite_version=_NO_WAL)
    store.register_workspace(_MILL)
    store.close()

    with (
        _held(folder / STORE_NAME),
        pytest.raises(StoreUnavailable, match="locked"),
    ):
        open_store(busy_seconds=0, sqlite_version=_NO_WAL).list_workspaces()


def test_a_store_that_is_being_set_aside_is_waited_for_and_not_for_ever(
    folder: Path, open_store: OpenStore
) -> None:
    store = open_store(busy_seconds=0)
    store.register_workspace(_MILL)

    with (
        using(folder / STORE_NAME, seconds=0, alone=True),
        pytest.raises(StoreUnavailable, match="locked"),
    ):
        store.list_workspaces()
    assert store.list_workspaces() == (_MILL,)


@pytest.mark.parametrize("call", _READS.values(), ids=_READS.keys())
@pytest.mark.parametrize("modes", [(0o500, 0o400), (0o700, 0o400), (0o500, 0o600)])
def test_a_read_only_store_is_read(
    filled: Path, modes: tuple[int, int], call: Callable[[SessionStore], object]
) -> None:
    _restrict(filled, *modes)

    def read() -> object:
        store = SqliteSessionStore(filled)
        answer = call(store)
        store.close()
        return answer, store.notices

    expected = {"list_workspaces": (_MILL,), "find_workspace": _MILL, "list_sessions": ()}
    name = next(name for name, other in _READS.items() if other is call)
    assert forked.without_privileges(read) == (expected.get(name), ())


@pytest.mark.parametrize("call", _WRITES.values(), ids=_WRITES.keys())
@pytest.mark.parametrize("modes", [(0o500, 0o400), (0o700, 0o400), (0o500, 0o600)])
def test_a_read_only_store_is_not_written(
    filled: Path, modes: tuple[int, int], call: Callable[[SessionStore], object]
) -> None:
    _restrict(filled, *modes)

    with pytest.raises(StoreUnavailable, match="read-only") as caught:
        forked.without_privileges(lambda: call(SqliteSessionStore(filled)))
    assert "MILLRACER_STATE_DIR" in (caught.value.suggested_action or "")


def test_a_read_only_store_that_becomes_writable_is_written(filled: Path) -> None:
    _restrict(filled, 0o700, 0o400)

    def read_then_write() -> object:
        store = SqliteSessionStore(filled)
        assert store.list_workspaces() == (_MILL,)
        _restrict(filled, 0o700, 0o600)
        return store.forget_workspace("mill")

    assert forked.without_privileges(read_then_write) is True


@pytest.mark.parametrize("index_is_there", [True, False])
def test_a_read_only_store_is_read_with_what_a_killed_writer_left_beside_it_or_not_at_all(
    public_folder: Path, *, index_is_there: bool
) -> None:
    late = RegisteredWorkspace(workspace_id="late", root_path="/srv/late")
    whole = SqliteSessionStore(public_folder, sqlite_version=(3, 51, 3))
    whole.register_workspace(_MILL)
    whole.close()

    def write_and_die(_: BinaryIO) -> None:
        store = SqliteSessionStore(public_folder, sqlite_version=(3, 51, 3))
        store.register_workspace(late)
        os.kill(os.getpid(), signal.SIGKILL)

    with forked.started(write_and_die) as child:
        child.wait()
    if not index_is_there:
        (public_folder / f"{STORE_NAME}-shm").unlink()
    give_away(public_folder)
    _restrict(public_folder, 0o500, 0o400)

    def read() -> object:
        return SqliteSessionStore(public_folder).list_workspaces()

    if index_is_there:
        assert forked.without_privileges(read) == (late, _MILL)
    else:
        with pytest.raises(StoreUnavailable):
            forked.without_privileges(read)


def test_a_read_only_store_of_an_older_version_is_unavailable(filled: Path) -> None:
    with closing(sqlite3.connect(filled / STORE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("DROP TABLE imports")
        connection.execute("CREATE TABLE session_requests (session_id, position, request_id)")
        connection.execute("PRAGMA user_version = 2")
    _restrict(filled, 0o500, 0o400)

    with pytest.raises(StoreUnavailable, match="read-only"):
        forked.without_privileges(SqliteSessionStore(filled).list_workspaces)


@pytest.mark.parametrize("modes", [(0o700, 0o000), (0o000, 0o600)])
def test_an_unreadable_store_is_unavailable(filled: Path, modes: tuple[int, int]) -> None:
    _restrict(filled, *modes)

    with pytest.raises(StoreUnavailable, match=f"the session store {filled}"):
        forked.without_privileges(SqliteSessionStore(filled).list_workspaces)


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS.keys())
def test_a_folder_that_cannot_be_made_makes_the_store_unavailable(
    public_folder: Path, call: Callable[[SessionStore], object]
) -> None:
    public_folder.chmod(0o555)

    with pytest.raises(StoreUnavailable, match="Permission denied") as caught:
        forked.without_privileges(lambda: call(SqliteSessionStore(public_folder / "a" / "b")))
    assert "MILLRACER_STATE_DIR" in (caught.value.suggested_action or "")


def test_a_folder_that_is_read_only_and_empty_makes_the_store_unavailable(
    public_folder: Path,
) -> None:
    public_folder.chmod(0o555)

    with pytest.raises(StoreUnavailable, match="Permission denied"):
        forked.without_privileges(SqliteSessionStore(public_folder).list_workspaces)


def test_a_folder_that_is_a_file_makes_the_store_unavailable(
    folder: Path, open_store: OpenStore
) -> None:
    folder.touch()

    with pytest.raises(StoreUnavailable, match="directory"):
        open_store().list_workspaces()


def test_a_store_that_is_a_folder_is_unavailable(folder: Path, open_store: OpenStore) -> None:
    (folder / STORE_NAME).mkdir(parents=True)

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_store().list_workspaces()


def test_a_full_disk_makes_the_call_fail_whole(folder: Path, open_store: OpenStore) -> None:
    store = open_store()
    store.register_workspace(_MILL)
    opened = store._file._opened
    assert opened is not None
    opened.connection.execute("PRAGMA max_page_count = 1")
    large = RegisteredWorkspace(workspace_id="large", root_path="/" + "a" * 100_000)

    with pytest.raises(StoreUnavailable, match="full") as caught:
        store.register_workspace(large)
    assert caught.value.suggested_action
    assert store.list_workspaces() == (_MILL,)


def test_a_connection_that_could_not_end_its_transaction_is_not_used_again(
    open_store: OpenStore,
) -> None:
    store = open_store()
    store.register_workspace(_MILL)
    opened = store._file._opened
    assert opened is not None

    def end_nothing(action: int, argument: str | None, *_: str | None) -> int:
        ends = action == sqlite3.SQLITE_TRANSACTION and argument != "BEGIN"
        return sqlite3.SQLITE_DENY if ends else sqlite3.SQLITE_OK

    opened.connection.set_authorizer(end_nothing)

    with pytest.raises(StoreUnavailable, match="not authorized"):
        store.forget_workspace("mill")
    assert store.list_workspaces() == (_MILL,)


def _restrict(folder: Path, folder_mode: int, file_mode: int) -> None:
    for path in folder.iterdir():
        path.chmod(file_mode)
    folder.chmod(folder_mode)
    assert folder.stat().st_mode & 0o777 == folder_mode
