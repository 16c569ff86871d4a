"""What the application relies on, of the store in memory and of the one on SQLite alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millracer.domain.workspaces import RECENT_REQUESTS, RegisteredWorkspace, Selection
from millracer.ports import SessionStore
from millracer.store.sessions import SqliteSessionStore
from millracer.testing.clock import FrozenClock
from tests.fakes.store import InMemorySessionStore

MILL = RegisteredWorkspace(
    workspace_id="mill",
    root_path="/srv/mill",
    display_name="The mill",
    default_mode="default_pi",
    tags=("b", "a"),
    is_default=True,
)
BARN = RegisteredWorkspace(workspace_id="barn", root_path="/srv/barn")
CHOSEN = Selection(workspace_id="mill", root_path="/srv/mill", mode="learning_codex")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock
) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield InMemorySessionStore(now=clock.now)
        return
    store = SqliteSessionStore(tmp_path / "state", now=clock.now)
    yield store
    store.close()


def ask(store: SessionStore, *request_ids: str | None, session_id: str = "ui") -> tuple[str, ...]:
    for request_id in request_ids:
        session = store.record_request(
            session_id, client_name="ui", request_id=request_id, warning_codes=()
        )
    return session.recent_request_ids


def test_a_new_store_holds_nothing_and_finds_nothing(store: SessionStore) -> None:
    assert store.list_workspaces() == ()
    assert store.list_sessions() == ()
    assert store.find_workspace("mill") is None
    assert store.find_session("ui") is None
    assert not store.forget_workspace("mill")
    assert not store.forget_session("ui")
    assert store.notices == ()


def test_a_workspace_is_registered_with_all_it_says_and_listed_by_id(store: SessionStore) -> None:
    assert store.register_workspace(MILL)
    assert store.register_workspace(BARN)

    assert store.find_workspace("mill") == MILL
    assert store.list_workspaces() == (BARN, MILL)


def test_registering_an_id_again_replaces_all_of_it(store: SessionStore) -> None:
    store.register_workspace(MILL)
    moved = RegisteredWorkspace(workspace_id="mill", root_path="/srv/new")

    assert not store.register_workspace(moved)
    assert store.list_workspaces() == (moved,)


def test_the_newest_default_is_the_only_one(store: SessionStore) -> None:
    store.register_workspace(MILL)
    default_barn = RegisteredWorkspace(workspace_id="barn", root_path="/b", is_default=True)
    store.register_workspace(default_barn)
    store.register_workspace(default_barn)

    assert [known.is_default for known in store.list_workspaces()] == [True, False]


def test_a_selection_makes_the_session_and_outlives_the_registered_workspace(
    store: SessionStore, clock: FrozenClock
) -> None:
    store.register_workspace(MILL)
    made = store.select("ui", CHOSEN, client_name="mission-control")
    assert store.forget_workspace("mill")

    found = store.find_session("ui")
    assert found == made
    assert (made.session_id, made.client_name) == ("ui", "mission-control")
    assert made.selection == CHOSEN
    assert (made.recent_request_ids, made.last_warning_codes) == ((), ())
    assert made.created_at == made.updated_at == clock.now()


def test_a_second_selection_replaces_the_first_and_keeps_the_rest(
    store: SessionStore, clock: FrozenClock
) -> None:
    first = store.select("ui", CHOSEN, client_name="mission-control")
    ask(store, "one")
    clock.advance(60)
    elsewhere = Selection(workspace_id=None, root_path="/elsewhere")
    second = store.select("ui", elsewhere, client_name="another")

    assert second.selection == elsewhere
    assert second.client_name == "mission-control"
    assert second.recent_request_ids == ("one",)
    assert (second.created_at, second.updated_at) == (first.created_at, clock.now())


def test_the_mode_is_selected_beside_the_workspace_and_neither_takes_the_other_along(
    store: SessionStore, clock: FrozenClock
) -> None:
    store.select("ui", CHOSEN, client_name="mission-control")
    ask(store, "one")
    clock.advance(60)
    then = clock.now()
    other_mode = store.select_mode("ui", "lad_pi", client_name="another")
    clock.advance(60)
    moved = store.select_workspace("ui", "barn", "/srv/barn", client_name="another")
    by_path = store.select_workspace("ui", None, "/elsewhere", client_name="another")
    cleared = store.select_mode("ui", None, client_name="another")

    assert other_mode.selection == Selection(
        workspace_id="mill", root_path="/srv/mill", mode="lad_pi"
    )
    assert moved.selection == Selection(workspace_id="barn", root_path="/srv/barn", mode="lad_pi")
    assert by_path.selection == Selection(workspace_id=None, root_path="/elsewhere", mode="lad_pi")
    assert cleared.selection == Selection(workspace_id=None, root_path="/elsewhere")
    assert cleared == store.find_session("ui")
    assert (cleared.client_name, cleared.recent_request_ids) == ("mission-control", ("one",))
    assert (other_mode.updated_at, moved.updated_at) == (then, clock.now())


def test_a_mode_makes_the_session_without_a_workspace_and_goes_without_a_trace(
    store: SessionStore, clock: FrozenClock
) -> None:
    made = store.select_mode("ui", "lad_pi", client_name="mission-control")

    assert (made.session_id, made.client_name) == ("ui", "mission-control")
    assert made.selection == Selection(workspace_id=None, root_path=None, mode="lad_pi")
    assert made.created_at == made.updated_at == clock.now()
    assert store.select_mode("ui", None, client_name="ui").selection is None
    assert store.select_mode("new", None, client_name="ui").selection is None


def test_a_workspace_makes_the_session_without_a_mode(store: SessionStore) -> None:
    made = store.select_workspace("ui", "mill", "/srv/mill", client_name="mission-control")

    assert made == store.find_session("ui")
    assert made.client_name == "mission-control"
    assert made.selection == Selection(workspace_id="mill", root_path="/srv/mill")


def test_selecting_nothing_leaves_no_selection(store: SessionStore) -> None:
    store.select("ui", CHOSEN, client_name="ui")
    nothing = Selection(workspace_id=None, root_path=None)

    assert store.select("ui", nothing, client_name="ui").selection is None


def test_a_request_is_recorded_with_its_warnings_and_keeps_the_selection(
    store: SessionStore, clock: FrozenClock
) -> None:
    store.select("ui", CHOSEN, client_name="ui")
    clock.advance(1)
    store.record_request("ui", client_name="x", request_id="one", warning_codes=("a", "b"))
    session = store.record_request("ui", client_name="x", request_id="two", warning_codes=("c",))

    assert session == store.find_session("ui")
    assert session.selection == CHOSEN
    assert session.recent_request_ids == ("one", "two")
    assert session.last_warning_codes == ("c",)
    assert session.updated_at == clock.now()


def test_the_last_requests_are_kept_oldest_first(store: SessionStore) -> None:
    names = tuple(f"request-{number}" for number in range(RECENT_REQUESTS + 5))

    assert RECENT_REQUESTS == 20
    assert ask(store, *names) == names[5:]
    assert ask(store, "other", session_id="other") == ("other",)


def test_a_request_that_is_remembered_moves_to_the_newest_place(store: SessionStore) -> None:
    assert ask(store, "one", "two", "three", "one") == ("two", "three", "one")


def test_a_request_without_an_id_leaves_the_list_and_takes_the_warnings(
    store: SessionStore,
) -> None:
    ask(store, "one")
    session = store.record_request(
        "ui", client_name="ui", request_id=None, warning_codes=("request_unreadable",)
    )

    assert session.recent_request_ids == ("one",)
    assert session.last_warning_codes == ("request_unreadable",)


def test_a_forgotten_session_is_gone_with_its_requests(store: SessionStore) -> None:
    ask(store, "one")
    ask(store, "other", session_id="other")

    assert store.forget_session("ui")
    assert [session.session_id for session in store.list_sessions()] == ["other"]
    assert ask(store, "two") == ("two",)


@pytest.mark.parametrize(
    "text",
    ["", " ", "ü", "a\0b", "\ud800", "\U0001f600", "'; --", "1" * 5000],
    ids=["empty", "blank", "umlaut", "nul", "surrogate", "emoji", "quote", "long"],
)
def test_any_text_comes_back_as_it_was(store: SessionStore, text: str) -> None:
    workspace = RegisteredWorkspace(
        workspace_id=text, root_path=text, display_name=text, default_mode=text, tags=(text, text)
    )
    store.register_workspace(workspace)
    store.select_workspace(text, text, text, client_name=text)
    store.select_mode(text, text, client_name=text)
    session = store.record_request(
        text, client_name="x", request_id=text, warning_codes=(text, text)
    )

    assert store.find_workspace(text) == workspace
    assert store.list_sessions() == (session,)
    assert (session.session_id, session.client_name) == (text, text)
    assert session.selection == Selection(workspace_id=text, root_path=text, mode=text)
    assert (session.recent_request_ids, session.last_warning_codes) == ((text,), (text, text))


def test_lists_are_in_the_order_of_their_ids(store: SessionStore) -> None:
    names = ["\U0001f600", "\ud800", "\uffff", "b", "a", "", "B"]
    for name in names:
        store.register_workspace(RegisteredWorkspace(workspace_id=name, root_path="/w"))
        ask(store, "one", session_id=name)

    assert [workspace.workspace_id for workspace in store.list_workspaces()] == sorted(names)
    assert [session.session_id for session in store.list_sessions()] == sorted(names)
