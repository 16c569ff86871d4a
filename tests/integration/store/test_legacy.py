"""The reference's sessions are taken over once, and its file is left alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from millracer.domain.workspaces import Selection, Session
from millracer.errors import StoreUnavailable
from millracer.store.legacy_import import legacy_sessions_file
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from millracer.testing.clock import FrozenClock
from tests.integration.store.conftest import OpenStore
from tests.support import forked
from tests.support.secret_texts import KEYS

_UI = {
    "session_id": "ui",
    "client_name": "mission-control",
    "selected_workspace_id": "mill",
    "selected_mode": "learning_codex",
    "recent_request_ids": ["one", " two ", "", 3, "one"],
    "last_warning_codes": ["careful"],
}


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    path = tmp_path / "home" / ".millracer" / "sessions.json"
    path.parent.mkdir(parents=True)
    return path


def _write(legacy: Path, **sessions: object) -> None:
    legacy.write_text(json.dumps({"sessions": sessions}, indent=2), encoding="utf-8")


def _imports(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / STORE_NAME)) as connection:
        return [path for (path,) in connection.execute("SELECT source_path FROM imports")]


def test_it_is_in_the_users_home() -> None:
    assert legacy_sessions_file({"HOME": "/home/me"}) == Path("/home/me/.millracer/sessions.json")


def test_its_sessions_are_taken_over_as_the_reference_reads_them(
    folder: Path, legacy: Path, clock: FrozenClock, open_store: OpenStore
) -> None:
    _write(
        legacy,
        ui=_UI,
        bare={},
        wrong={"client_name": 3, "selected_workspace_id": " ", "last_warning_codes": "none"},
        long={"recent_request_ids": [f"r{number}" for number in range(25)]},
        nothing=None,
    )
    before = (legacy.read_bytes(), legacy.stat().st_mtime_ns)

    store = open_store(legacy=legacy)
    sessions = {session.session_id: session for session in store.list_sessions()}
    now = clock.now()
    assert sessions.pop("ui") == Session(
        session_id="ui",
        client_name="mission-control",
        selection=Selection(workspace_id="mill", root_path=None, mode="learning_codex"),
        recent_request_ids=("two", "one"),
        last_warning_codes=("careful",),
        created_at=now,
        updated_at=now,
    )
    assert sessions.pop("long").recent_request_ids == tuple(f"r{n}" for n in range(5, 25))
    assert sessions == {
        name: Session(session_id=name, client_name=name, created_at=now, updated_at=now)
        for name in ("bare", "wrong")
    }
    assert store.notices == ()
    assert (legacy.read_bytes(), legacy.stat().st_mtime_ns) == before
    assert _imports(folder) == [str(legacy)]


def test_it_is_taken_over_once(legacy: Path, open_store: OpenStore) -> None:
    _write(legacy, ui=_UI)
    store = open_store(legacy=legacy)
    assert store.forget_session("ui")
    store.close()

    assert store.list_sessions() == ()
    assert open_store(legacy=legacy).list_sessions() == ()


def test_it_is_taken_over_when_it_comes_later_and_own_sessions_win(
    legacy: Path, open_store: OpenStore
) -> None:
    own = open_store(legacy=legacy).record_request(
        "ui", client_name="ours", request_id="mine", warning_codes=()
    )
    _write(legacy, ui=_UI, other=_UI)

    sessions = open_store(legacy=legacy).list_sessions()
    assert sessions[1] == own
    assert [session.session_id for session in sessions] == ["other", "ui"]


def test_it_is_taken_over_again_into_the_store_that_replaces_a_corrupt_one(
    folder: Path, legacy: Path, open_store: OpenStore
) -> None:
    _write(legacy, ui=_UI)
    folder.mkdir()
    (folder / STORE_NAME).write_text("this is no database", encoding="utf-8")

    assert [known.session_id for known in open_store(legacy=legacy).list_sessions()] == ["ui"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'"text"', b'{"sessions": []}', b"\xff\xfe", b"[" * 100_000, b'{"sessions": 1}'],
    ids=["cut", "list", "text", "no-object", "bytes", "deep", "number"],
)
def test_an_unreadable_one_is_reported_once_and_left(
    folder: Path, legacy: Path, open_store: OpenStore, content: bytes
) -> None:
    legacy.write_bytes(content)
    store = open_store(legacy=legacy)

    assert store.list_sessions() == ()
    assert [notice.code for notice in store.notices] == ["legacy_sessions_unreadable"]
    assert str(legacy) in store.notices[0].text
    assert legacy.read_bytes() == content
    again = open_store(legacy=legacy)
    assert (again.list_sessions(), again.notices) == ((), ())
    assert _imports(folder) == [str(legacy)]


def test_a_session_whose_id_is_a_secret_is_left_out(legacy: Path, open_store: OpenStore) -> None:
    _write(legacy, ui=_UI, **{KEYS["anthropic"]: _UI, KEYS["openai"]: _UI})

    sessions = open_store(legacy=legacy).list_sessions()

    assert [session.session_id for session in sessions] == ["ui"]


def test_one_that_is_not_a_file_is_reported(legacy: Path, open_store: OpenStore) -> None:
    legacy.mkdir()
    store = open_store(legacy=legacy)

    assert store.list_sessions() == ()
    assert [notice.code for notice in store.notices] == ["legacy_sessions_unreadable"]


@pytest.mark.parametrize("content", [b"", b" \n", b"{}", b'{"sessions": {}}'])
def test_an_empty_one_holds_no_session(legacy: Path, open_store: OpenStore, content: bytes) -> None:
    legacy.write_bytes(content)
    store = open_store(legacy=legacy)

    assert (store.list_sessions(), store.notices) == ((), ())


def test_processes_that_find_it_at_once_take_it_over_once(
    folder: Path, legacy: Path, open_store: OpenStore
) -> None:
    _write(legacy, **{f"s{number}": _UI for number in range(20)})

    def list_all(_: int) -> None:
        store = SqliteSessionStore(folder, legacy=legacy)
        assert len(store.list_sessions()) == 20

    assert forked.together([partial(list_all, number) for number in range(6)]) == [0] * 6
    assert len(open_store(legacy=legacy).list_sessions()) == 20


def test_another_process_that_comes_between_takes_it_over_instead(
    legacy: Path, open_store: OpenStore
) -> None:
    first, second = open_store(legacy=legacy), open_store(legacy=legacy)
    first.list_sessions()
    _write(legacy, ui=_UI)
    opened = first._file._opened
    assert opened is not None
    forgotten: list[bool] = []

    def come_between(statement: str) -> None:
        # It stays set until the end: taken away while it runs, it is freed under Python 3.12.1.
        if statement == "BEGIN IMMEDIATE" and not forgotten:
            forgotten.append(second.forget_session("ui"))

    opened.connection.set_trace_callback(come_between)
    first._import_legacy(opened.connection)
    opened.connection.set_trace_callback(None)

    assert forgotten == [True]

    assert first.list_sessions() == ()


def test_an_import_that_is_cut_off_is_done_whole_the_next_time(
    folder: Path, legacy: Path, open_store: OpenStore
) -> None:
    open_store().list_sessions()
    _write(legacy, ui=_UI, other=_UI)
    with closing(sqlite3.connect(folder / STORE_NAME, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER cut BEFORE INSERT ON imports BEGIN SELECT raise(FAIL, 'cut'); END"
        )

    with pytest.raises(StoreUnavailable):
        open_store(legacy=legacy).list_sessions()
    assert open_store().list_sessions() == ()

    with closing(sqlite3.connect(folder / STORE_NAME, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER cut")
    assert len(open_store(legacy=legacy).list_sessions()) == 2
