"""Many processes at once lose nothing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from millracer.domain.workspaces import RECENT_REQUESTS, RegisteredWorkspace, Selection
from millracer.errors import StoreUnavailable
from millracer.store.sessions import SqliteSessionStore
from tests.integration.store.conftest import OpenStore
from tests.support import forked

_CALLERS = 24
_WRITERS = 8
_UPDATES = 200

#: Of an SQLite with and without the WAL-reset bug; the journal mode follows.
_VERSIONS = [(3, 40, 1), (3, 51, 3)]


def _selection(number: int) -> Selection:
    return Selection(workspace_id=f"w{number}", root_path=f"/srv/{number}", mode=None)


def _request_of(writer: int, update: int) -> tuple[str, str]:
    # Each session gets as many requests as it remembers, from several writers in turn.
    session = (update * _WRITERS + writer) // RECENT_REQUESTS
    return f"session-{session}", f"{writer}-{update}"


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_one_of_many_selections_at_once_is_kept(
    folder: Path, open_store: OpenStore, version: tuple[int, int, int]
) -> None:
    def select(number: int) -> None:
        store = SqliteSessionStore(folder, sqlite_version=version)
        store.select(f"s{number}", _selection(number), client_name="ui")

    codes = forked.together([partial(select, number) for number in range(_CALLERS)])

    kept = {session.session_id: session.selection for session in open_store().list_sessions()}
    assert codes == [0] * _CALLERS
    assert kept == {f"s{number}": _selection(number) for number in range(_CALLERS)}


@pytest.mark.parametrize("version", _VERSIONS)
def test_a_mode_and_a_workspace_selected_at_once_are_both_kept(
    folder: Path, open_store: OpenStore, version: tuple[int, int, int]
) -> None:
    def select(caller: int) -> None:
        store = SqliteSessionStore(folder, sqlite_version=version, busy_seconds=60)
        for number in range(_UPDATES):
            if caller % 2:
                store.select_mode(f"s{number}", f"mode-{number}", client_name="ui")
            else:
                store.select_workspace(f"s{number}", None, f"/srv/{number}", client_name="ui")

    codes = forked.together([partial(select, caller) for caller in range(2)])

    kept = {session.session_id: session.selection for session in open_store().list_sessions()}
    assert codes == [0, 0]
    assert kept == {
        f"s{number}": Selection(
            workspace_id=None, root_path=f"/srv/{number}", mode=f"mode-{number}"
        )
        for number in range(_UPDATES)
    }


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_one_of_many_updates_at_once_is_kept(
    folder: Path, open_store: OpenStore, version: tuple[int, int, int]
) -> None:
    def update(writer: int) -> None:
        store = SqliteSessionStore(folder, sqlite_version=version, busy_seconds=60)
        for number in range(_UPDATES):
            session_id, request_id = _request_of(writer, number)
            store.record_request(
                session_id, client_name="ui", request_id=request_id, warning_codes=()
            )

    codes = forked.together([partial(update, writer) for writer in range(_WRITERS)])

    kept = Counter(
        (session.session_id, request_id)
        for session in open_store().list_sessions()
        for request_id in session.recent_request_ids
    )
    assert codes == [0] * _WRITERS
    assert kept == Counter(
        _request_of(writer, number) for writer in range(_WRITERS) for number in range(_UPDATES)
    )


def test_a_call_that_writes_holds_the_lock_from_its_start(open_store: OpenStore) -> None:
    first, second = open_store(), open_store(busy_seconds=0)
    mill = RegisteredWorkspace(workspace_id="mill", root_path="/srv/mill")
    assert first.list_workspaces() == second.list_workspaces() == ()
    refused = []

    def write_between(statement: str) -> None:
        if statement.startswith("SELECT 1 FROM workspaces"):
            try:
                second.register_workspace(mill)
            except StoreUnavailable as error:
                refused.append(error.message)

    _connection_of(first).set_trace_callback(write_between)

    assert first.register_workspace(mill)
    assert len(refused) == 1


def _connection_of(store: SqliteSessionStore) -> sqlite3.Connection:
    opened = store._file._opened
    assert opened is not None
    return opened.connection
