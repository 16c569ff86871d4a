"""From nothing and from each older version to the current: once, whole, by the first caller."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from millracer.domain.workspaces import RegisteredWorkspace
from millracer.errors import StoreUnavailable
from millracer.store import migrations
from millracer.store.migrations import Migration, find_migrations, migrate, read_version
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from tests.integration.store.conftest import OpenStore
from tests.support import forked

_SCRIPTS = find_migrations()
_SHIPPED = Path(migrations.__file__).parents[2] / "migrations"

#: Rows that a store of that version may hold.
_ROWS = {
    1: "INSERT INTO workspaces VALUES ('mill', '/srv/mill', NULL, NULL, '[\"a\"]', 1, 't', 't')",
    2: "INSERT INTO sessions VALUES ('ui', 'ui', 'mill', '/srv/mill', NULL, '[\"w\"]',"
    " '2026-01-02T03:04:05.000000+00:00', '2026-01-02T03:04:05.000000+00:00')",
}


@pytest.fixture
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    folder.mkdir()
    with closing(sqlite3.connect(folder / STORE_NAME, isolation_level=None)) as connection:
        yield connection


def test_the_scripts_are_named_by_number_verb_and_noun_and_say_what_they_are_for() -> None:
    assert [script.name for script in _SCRIPTS] == sorted(
        path.name for path in _SHIPPED.glob("*.sql")
    )
    for number, script in enumerate(_SCRIPTS, 1):
        assert re.fullmatch(rf"{number:04d}_(create|inline)_[a-z]+(_[a-z]+)*\.sql", script.name)
        assert script.sql.startswith("-- ")
        assert not re.search(r"\b(STRICT|BEGIN|COMMIT|ROLLBACK)\b", script.sql)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["0002_create_things.sql"],
        ["0001_create_things.sql", "0003_create_others.sql"],
        ["0001_create_things.sql", "0001_drop_things.sql"],
        ["0001_things.sql"],
        ["1_create_things.sql"],
    ],
)
def test_scripts_with_wrong_names_or_gaps_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;\n", encoding="utf-8")

    with pytest.raises(StoreUnavailable) as caught:
        find_migrations(tmp_path)
    assert caught.value.suggested_action


def test_missing_scripts_are_a_broken_install(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file"):
        find_migrations(tmp_path / "nowhere")


def test_an_empty_database_gets_every_script_once(database: sqlite3.Connection) -> None:
    migrate(database, _SCRIPTS)
    schema = database.execute("SELECT * FROM sqlite_master").fetchall()
    migrate(database, _SCRIPTS)

    assert read_version(database) == len(_SCRIPTS)
    assert database.execute("SELECT * FROM sqlite_master").fetchall() == schema


@pytest.mark.parametrize("version", range(1, len(_SCRIPTS)))
def test_an_older_store_keeps_its_rows(
    database: sqlite3.Connection, open_store: OpenStore, version: int
) -> None:
    migrate(database, _SCRIPTS[:version])
    for number in range(1, version + 1):
        if number in _ROWS:
            database.execute(_ROWS[number])
    database.close()

    store = open_store()
    assert store.list_workspaces() == (
        RegisteredWorkspace(
            workspace_id="mill", root_path="/srv/mill", tags=("a",), is_default=True
        ),
    )
    assert [session.last_warning_codes for session in store.list_sessions()] == [("w",)] * (
        version > 1
    )
    assert store.notices == ()


def test_the_requests_of_an_older_store_keep_their_order_and_their_text(
    database: sqlite3.Connection, open_store: OpenStore
) -> None:
    odd = 'a "quoted"\nline, \ud800'
    migrate(database, _SCRIPTS[:3])
    for session in ("many", "none"):
        database.execute(_ROWS[2].replace("'ui', 'ui'", f"'{session}', 'ui'"))
    database.executemany(
        "INSERT INTO session_requests VALUES ('many', ?, ?)",
        [(7, "newest"), (2, "oldest"), (5, odd.encode("utf-8", "surrogatepass")), (6, b"\xff")],
    )
    database.close()

    store = open_store()
    kept = {session.session_id: session.recent_request_ids for session in store.list_sessions()}
    assert kept == {"many": ("oldest", odd, "newest"), "none": ()}
    assert store.notices == ()


def test_a_script_that_fails_leaves_nothing_of_itself(database: sqlite3.Connection) -> None:
    broken = Migration(
        number=len(_SCRIPTS) + 1,
        name=f"{len(_SCRIPTS) + 1:04d}_create_trouble.sql",
        sql="CREATE TABLE trouble (a);\nINSERT INTO nowhere VALUES (1);\n",
    )

    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        migrate(database, (*_SCRIPTS, broken))

    tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'trouble'").fetchall()
    assert (tables, read_version(database), database.in_transaction) == ([], len(_SCRIPTS), False)


def test_a_script_that_ends_within_a_statement_is_refused() -> None:
    unfinished = Migration(number=1, name="0001_create_half.sql", sql="CREATE TABLE half (a)\n")

    with pytest.raises(ValueError, match="statement"):
        list(unfinished.statements())


def test_another_process_that_comes_between_applies_them_instead(
    folder: Path, database: sqlite3.Connection
) -> None:
    came: list[str] = []
    with closing(sqlite3.connect(folder / STORE_NAME, isolation_level=None)) as other:

        def come_between(statement: str) -> None:
            # It stays set until the end: taken away while it runs, it is freed under Python 3.12.1.
            if statement == "BEGIN IMMEDIATE" and not came:
                came.append(statement)
                migrate(other, _SCRIPTS)

        database.set_trace_callback(come_between)
        migrate(database, _SCRIPTS)
        database.set_trace_callback(None)

    assert came
    assert read_version(database) == len(_SCRIPTS)


def test_processes_that_find_no_store_at_once_make_one_together(folder: Path) -> None:
    def register(number: int) -> None:
        store = SqliteSessionStore(folder)
        store.register_workspace(
            RegisteredWorkspace(workspace_id=str(number), root_path="/srv", is_default=True)
        )
        assert store.notices == ()

    codes = forked.together([partial(register, number) for number in range(6)])

    store = SqliteSessionStore(folder)
    kept = store.list_workspaces()
    store.close()
    assert codes == [0] * 6
    assert len(kept) == 6
    assert [workspace.is_default for workspace in kept].count(True) == 1


def test_a_newer_store_is_refused_and_left_as_it_is(folder: Path, open_store: OpenStore) -> None:
    open_store().register_workspace(RegisteredWorkspace(workspace_id="mill", root_path="/srv"))
    path = folder / STORE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(StoreUnavailable) as caught:
        open_store().list_workspaces()
    assert {"99", str(len(_SCRIPTS))} <= set(re.findall(r"\d+", caught.value.message))
    assert "MILLRACER_STATE_DIR" in (caught.value.suggested_action or "")
    assert path.read_bytes() == before
