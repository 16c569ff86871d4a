"""A process killed at any moment leaves a readable store with all that it had acknowledged."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from millracer.domain.workspaces import RECENT_REQUESTS
from millracer.store.migrations import find_migrations
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from tests.integration.store.conftest import OpenStore
from tests.support import forked

_ROUNDS = 20


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 3)], ids=["rollback", "wal"])
def test_a_writer_killed_at_any_moment_keeps_every_acknowledged_write(
    folder: Path, open_store: OpenStore, version: tuple[int, int, int]
) -> None:
    folder.mkdir()
    acknowledged: set[tuple[str, ...]] = set()
    for round_number in range(_ROUNDS):

        def write_on(output: BinaryIO, round_number: int = round_number) -> None:
            store = SqliteSessionStore(folder, sqlite_version=version)
            for number in range(100_000):
                session_id = f"{round_number}-{number // RECENT_REQUESTS}"
                store.record_request(
                    session_id, client_name="ui", request_id=str(number), warning_codes=()
                )
                output.write(f"{session_id} {number}\n".encode())

        with forked.started(write_on) as child:
            # The child works on while its acknowledgements are read: the kill falls anywhere.
            read = [child.output.readline() for _ in range(round_number * 3)]
            child.kill()
            read += child.output
        acknowledged |= {tuple(line.decode().split()) for line in read}

        with closing(sqlite3.connect(folder / STORE_NAME)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    store = open_store(sqlite_version=version)
    kept = {
        (session.session_id, request_id)
        for session in store.list_sessions()
        for request_id in session.recent_request_ids
    }
    assert acknowledged <= kept
    # Each killed writer may have committed one more than it came to say.
    assert len(acknowledged) <= len(kept) <= len(acknowledged) + _ROUNDS
    assert store.notices == ()


def test_a_first_call_killed_at_any_statement_is_finished_by_the_next(tmp_path: Path) -> None:
    legacy = tmp_path / "sessions.json"
    legacy.write_text('{"sessions": {"ui": {}}}', encoding="utf-8")
    statement, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        folder = tmp_path / str(statement)

        def die(_: BinaryIO, folder: Path = folder, statement: int = statement) -> None:
            _die_at(statement)
            SqliteSessionStore(folder, legacy=legacy).list_sessions()

        with forked.started(die) as child:
            status = child.wait()
        store = SqliteSessionStore(folder, legacy=legacy)
        assert [session.session_id for session in store.list_sessions()] == ["ui"]
        assert store.notices == ()
        store.close()
        statement += 1

    assert status == 0
    # The scripts' own statements are among those that were died at.
    assert statement > sum(len(list(script.statements())) for script in find_migrations())


def _die_at(statement: int) -> None:
    """Kill this process when it begins its next statement but that many."""
    connect, left = sqlite3.connect, statement

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect_and_count(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **settings)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = connect_and_count
