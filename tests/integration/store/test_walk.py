"""The store at random, held against the plain model: calls, other processes, crashes, damage."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from millracer.domain.workspaces import RegisteredWorkspace, Selection
from millracer.ports import SessionStore
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME
from millracer.testing.clock import FrozenClock
from tests.fakes.store import InMemorySessionStore
from tests.support import forked

Call = Callable[[SessionStore], object]

#: More statements than any call on an open store executes, so that some crashes come too late.
_STATEMENTS = 14

#: Of an SQLite with and without the WAL-reset bug; the journal mode follows.
_VERSIONS = [(3, 40, 1), (3, 51, 3)]

_IDS = st.sampled_from(["a", "b", "default", "", "ü", "\ud800", "a\0b"])
_TEXTS = st.sampled_from(["x", "/srv/mill", "\udcff", "'"]) | st.text(max_size=8)
_MAYBE = st.none() | _TEXTS
_SEVERAL = st.lists(_TEXTS, max_size=3).map(tuple)

_WORKSPACES = st.builds(
    RegisteredWorkspace,
    workspace_id=_IDS,
    root_path=_TEXTS,
    display_name=_MAYBE,
    default_mode=_MAYBE,
    tags=_SEVERAL,
    is_default=st.booleans(),
)
_SELECTIONS = st.builds(Selection, workspace_id=_MAYBE, root_path=_MAYBE, mode=_MAYBE)


def _register(workspace: RegisteredWorkspace) -> Call:
    return lambda store: store.register_workspace(workspace)


def _forget_workspace(workspace_id: str) -> Call:
    return lambda store: store.forget_workspace(workspace_id)


def _select(session_id: str, selection: Selection, client_name: str) -> Call:
    return lambda store: store.select(session_id, selection, client_name=client_name)


def _select_workspace(session_id: str, workspace_id: str | None, root_path: str) -> Call:
    return lambda store: store.select_workspace(
        session_id, workspace_id, root_path, client_name="ui"
    )


def _select_mode(session_id: str, mode: str | None) -> Call:
    return lambda store: store.select_mode(session_id, mode, client_name="ui")


def _record(session_id: str, request_ids: list[str | None], codes: tuple[str, ...]) -> Call:
    def call(store: SessionStore) -> object:
        return [
            store.record_request(
                session_id, client_name="ui", request_id=request_id, warning_codes=codes
            )
            for request_id in request_ids
        ]

    return call


def _forget_session(session_id: str) -> Call:
    return lambda store: store.forget_session(session_id)


#: Each of them is one transaction.
_SINGLE = st.one_of(
    st.builds(_register, _WORKSPACES),
    st.builds(_forget_workspace, _IDS),
    st.builds(_select, _IDS, _SELECTIONS, _TEXTS),
    st.builds(_select_workspace, _IDS, _MAYBE, _TEXTS),
    st.builds(_select_mode, _IDS, _MAYBE),
    st.builds(_record, _IDS, st.lists(_MAYBE, min_size=1, max_size=1), _SEVERAL),
    st.builds(_forget_session, _IDS),
)
_CALLS = _SINGLE | st.builds(_record, _IDS, st.lists(_MAYBE, min_size=2, max_size=30), _SEVERAL)
_READS = st.one_of(
    _IDS.map(lambda name: lambda store: store.find_workspace(name)),
    _IDS.map(lambda name: lambda store: store.find_session(name)),
)


class StoreWalk(RuleBasedStateMachine):
    """Whatever happens, the store holds what the model holds."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FrozenClock()
        self.model = InMemorySessionStore(now=self.clock.now)
        self.version = _VERSIONS[0]
        self.stores: list[SqliteSessionStore] = []

    @initialize(version=st.sampled_from(_VERSIONS))
    def begin(self, version: tuple[int, int, int]) -> None:
        self.version = version
        self.stores = [self._store(), self._store()]

    def _store(self) -> SqliteSessionStore:
        return SqliteSessionStore(self.folder, now=self.clock.now, sqlite_version=self.version)

    def teardown(self) -> None:
        self._close()
        shutil.rmtree(self.folder)

    def _close(self) -> None:
        for store in self.stores:
            store.close()

    @rule(call=_CALLS, connection=st.integers(0, 1), seconds=st.integers(0, 3))
    def ask_one_of_two_connections(self, call: Call, connection: int, seconds: int) -> None:
        self.clock.advance(seconds)

        assert call(self.stores[connection]) == call(self.model)

    @rule(call=_READS, connection=st.integers(0, 1))
    def read_something(self, call: Call, connection: int) -> None:
        assert call(self.stores[connection]) == call(self.model)

    @rule(connection=st.integers(0, 1))
    def reopen(self, connection: int) -> None:
        self.stores[connection].close()

    @rule(call=_CALLS)
    def ask_in_another_process(self, call: Call) -> None:
        self._close()
        expected = call(self.model)

        def ask(_: BinaryIO) -> None:
            assert call(self._store()) == expected

        with forked.started(ask) as child:
            assert child.wait() == 0

    @rule(call=_SINGLE, survived=st.integers(0, _STATEMENTS))
    def crash_within_a_call(self, call: Call, survived: int) -> None:
        self._close()
        after = self.model.copied()
        call(after)

        def die(_: BinaryIO) -> None:
            store = self._store()
            store.list_sessions()
            left = survived

            def count(_: str) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            _connection_of(store).set_trace_callback(count)
            call(store)

        with forked.started(die) as child:
            status = child.wait()
        assert status in {0, -signal.SIGKILL}
        if status == 0 or self._content() == _content_of(after):
            self.model = after

    @precondition(lambda self: (self.folder / STORE_NAME).exists())
    @rule()
    def damage_the_file(self) -> None:
        self._close()
        before = len(self.stores[0].notices)
        (self.folder / STORE_NAME).write_bytes(b"\xff" * 9000)
        self.model = InMemorySessionStore(now=self.clock.now)

        assert self.stores[0].list_workspaces() == ()
        assert len(self.stores[0].notices) == before + 1

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        assert self._content() == _content_of(self.model)

    def _content(self) -> object:
        return _content_of(self.stores[0])


def _content_of(store: SessionStore) -> object:
    return store.list_workspaces(), store.list_sessions()


def _connection_of(store: SqliteSessionStore) -> sqlite3.Connection:
    opened = store._file._opened
    assert opened is not None
    return opened.connection


TestStoreWalk = StoreWalk.TestCase
TestStoreWalk.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
