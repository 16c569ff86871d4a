import pytest

from millracer.domain.workspaces import RegisteredWorkspace
from millracer.errors import RunWarning, StoreUnavailable
from millracer.operations.session.memory import SessionMemory
from tests.fakes.failing_store import FailingStore

ALPHA = RegisteredWorkspace(workspace_id="alpha", root_path="/alpha")
HOME = RegisteredWorkspace(workspace_id="home", root_path="/home", is_default=True)


def filled() -> FailingStore:
    store = FailingStore()
    store.register_workspace(ALPHA)
    store.register_workspace(HOME)
    return store


def remember(memory: SessionMemory, client_name: str | None = None) -> None:
    memory.record("ui", client_name=client_name, request_id="req-1", warnings=("a", "b"))


def test_the_stores_content_is_reported() -> None:
    memory = SessionMemory(filled())
    remember(memory)

    session = memory.session("ui")
    assert session is not None
    assert session.recent_request_ids == ("req-1",)
    assert session.last_warning_codes == ("a", "b")
    assert memory.find_workspace("alpha") == ALPHA
    assert memory.default_workspace() == HOME
    assert memory.warnings == ()


def test_what_it_does_not_know_is_none_without_a_warning() -> None:
    memory = SessionMemory(FailingStore())

    assert memory.session("ui") is None
    assert memory.find_workspace("alpha") is None
    assert memory.default_workspace() is None
    assert memory.warnings == ()


@pytest.mark.parametrize(
    ("client_name", "kept"), [("Mission Control", "Mission Control"), (None, "ui")]
)
def test_a_new_session_is_called_as_its_client_is(client_name: str | None, kept: str) -> None:
    store = filled()

    remember(SessionMemory(store), client_name)

    session = store.find_session("ui")
    assert session is not None
    assert session.client_name == kept


def test_the_first_trouble_is_the_only_one() -> None:
    store = filled()
    memory = SessionMemory(store)
    store.lock(after_calls=1)

    assert memory.find_workspace("alpha") == ALPHA
    for _ in range(2):
        assert memory.session("ui") is None
        assert memory.default_workspace() is None
        assert memory.find_workspace("alpha") is None
        remember(memory)

    assert store.asked == ["find_workspace", "find_session"]
    (warning,) = memory.warnings
    assert warning.code == "session_store_unavailable"
    assert warning.text


def test_what_only_the_store_can_answer_raises_the_trouble_of_before() -> None:
    store = filled()
    memory = SessionMemory(store)
    assert memory.store is store
    store.lock()
    memory.session("ui")

    with pytest.raises(StoreUnavailable):
        _ = memory.store
    assert store.asked == ["find_session"]


def test_a_store_that_was_given_up_is_not_asked_again() -> None:
    store = filled()
    memory = SessionMemory(store)
    store.lock()

    memory.give_up(StoreUnavailable("it is read-only"))
    remember(memory)

    assert store.asked == []
    assert "it is read-only" in memory.warnings[0].text


def test_the_stores_content_comes_before_its_failure() -> None:
    store = filled()
    store.pending_notices = (RunWarning("session_store_corrupt", "set aside"),)
    store.lock()
    memory = SessionMemory(store)
    memory.session("ui")

    assert [warning.code for warning in memory.warnings] == [
        "session_store_corrupt",
        "session_store_unavailable",
    ]
