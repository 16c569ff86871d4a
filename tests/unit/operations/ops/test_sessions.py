"""The actions on registered workspaces and sessions."""

from typing import Any

import pytest

from millracer.domain.run.options import RunOptions
from millracer.domain.workspaces import RegisteredWorkspace, Selection
from tests.fakes.directories import NamedDirectories
from tests.support.gateway import Desk, codes, said

ALPHA = RegisteredWorkspace(workspace_id="alpha", root_path="/shop", default_mode="learning_pi")


def payload(**fields: Any) -> dict[str, Any]:
    return {"input": {"payload": fields}}


def desk_with(*workspaces: RegisteredWorkspace, **fields: Any) -> Desk:
    desk = Desk(**fields)
    for workspace in workspaces:
        desk.store.register_workspace(workspace)
    return desk


def result_of(desk: Desk, action: str, **fields: Any) -> Any:
    result = desk.ask(action, **fields)
    assert result.errors == []
    return said(result)["result"]


def selected(desk: Desk, session_id: str = "local") -> Selection | None:
    session = desk.store.find_session(session_id)
    return None if session is None else session.selection


# workspaces


def test_the_commands_own_workspace_is_listed_as_the_default_until_one_is_chosen() -> None:
    desk = Desk()
    own = {
        "workspace_id": "default",
        "root_path": "/here",
        "display_name": "here",
        "default_mode": "default_pi",
        "tags": [],
        "is_default": True,
    }
    assert result_of(desk, "list_workspaces") == {"workspaces": [own]}

    desk.store.register_workspace(ALPHA)
    listed = result_of(desk, "list_workspaces")["workspaces"]
    assert [(each["workspace_id"], each["is_default"]) for each in listed] == [
        ("alpha", False),
        ("default", True),
    ]

    desk.ask("register_workspace", **payload(workspace_id="z", root_path="/shop", is_default=True))
    listed = result_of(desk, "list_workspaces")["workspaces"]
    assert [(each["workspace_id"], each["is_default"]) for each in listed] == [
        ("alpha", False),
        ("default", False),
        ("z", True),
    ]


def test_the_commands_own_workspace_is_what_the_command_line_says() -> None:
    desk = Desk(workspace="sub", options=RunOptions(millrace_mode="lad_pi"))

    (own,) = result_of(desk, "list_workspaces")["workspaces"]

    assert (own["root_path"], own["default_mode"]) == ("/here/sub", "lad_pi")


def test_a_command_whose_directory_is_gone_lists_the_others() -> None:
    desk = desk_with(ALPHA, directories=NamedDirectories(here=None))

    (listed,) = result_of(desk, "list_workspaces")["workspaces"]

    assert listed["workspace_id"] == "alpha"


def test_a_workspace_is_registered_with_all_its_fields() -> None:
    desk = Desk(directories=NamedDirectories(plain={"/here/sub"}))
    fields = {
        "workspace_id": "a-1.B_c",
        "display_name": "A",
        "default_mode": "lad_pi",
        "tags": ["x", "y"],
        "is_default": True,
    }

    result = desk.ask("register_workspace", **payload(root_path="sub", **fields))

    expected = {**fields, "root_path": "/here/sub"}
    assert said(result)["result"] == {"workspace": expected}
    assert codes(result) == ([], [])
    assert expected in result_of(desk, "list_workspaces")["workspaces"]


def test_the_same_id_again_replaces_and_says_so() -> None:
    desk = desk_with(ALPHA)

    result = desk.ask("register_workspace", **payload(workspace_id="alpha", root_path="/here"))

    assert codes(result) == (["workspace_replaced"], [])
    assert said(result)["warnings"][0]["message"].endswith(ALPHA.root_path)
    (kept,) = desk.store.list_workspaces()
    assert kept == RegisteredWorkspace(workspace_id="alpha", root_path="/here")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"workspace_id": "alpha", "root_path": "/gone"}, "root_path"),
        ({"workspace_id": "default", "root_path": "/here"}, "workspace_id"),
    ],
)
def test_what_cannot_be_registered_is_refused_by_its_field(
    fields: dict[str, Any], field: str
) -> None:
    desk = Desk()

    answer = desk.answer("register_workspace", **payload(**fields))
    beside = desk.answer("register_workspace", input=fields)

    assert [error.field for error in answer.result.errors] == [f"input.payload.{field}"]
    assert [error.field for error in beside.result.errors] == [f"input.{field}"]
    assert (answer.exit_code, beside.exit_code) == (2, 2)
    assert desk.store.list_workspaces() == ()


def test_a_forgotten_workspace_is_shown_once_more_and_sessions_keep_its_path() -> None:
    desk = desk_with(ALPHA)
    desk.ask("select_workspace", **payload(workspace_id="alpha"))

    result = result_of(desk, "forget_workspace", **payload(workspace_id="alpha"))

    assert result["workspace"]["root_path"] == "/shop"
    assert desk.store.list_workspaces() == ()
    assert selected(desk) == Selection(workspace_id="alpha", root_path="/shop", mode="learning_pi")
    assert result_of(desk, "status")["resolution"] == {
        "rule": "active_session", "root_path": "/shop", "workspace_id": "alpha",
    }  # fmt: skip


@pytest.mark.parametrize("action", ["forget_workspace", "select_workspace"])
def test_an_id_that_is_not_registered_is_unresolved(action: str) -> None:
    desk = desk_with(ALPHA)

    answer = desk.answer(action, **payload(workspace_id="alhpa"))

    assert (codes(answer.result)[1], answer.exit_code) == (["workspace_unresolved"], 1)
    assert selected(desk) is None
    assert desk.store.list_workspaces() == (ALPHA,)


def test_the_commands_own_workspace_cannot_be_forgotten() -> None:
    result = Desk().ask("forget_workspace", **payload(workspace_id="default"))

    assert codes(result)[1] == ["workspace_unresolved"]


# selecting


@pytest.mark.parametrize(
    ("fields", "selection"),
    [
        (
            {"workspace_id": "alpha"},
            Selection(workspace_id="alpha", root_path="/shop", mode="learning_pi"),
        ),
        (
            {"workspace_id": "alpha", "mode": "lad_pi"},
            Selection(workspace_id="alpha", root_path="/shop", mode="lad_pi"),
        ),
        (
            {"workspace_id": "alpha", "root_path": "/here"},
            Selection(workspace_id="alpha", root_path="/shop", mode="learning_pi"),
        ),
        ({"root_path": "/shop"}, Selection(workspace_id=None, root_path="/shop")),
        (
            {"root_path": ".", "mode": "lad_pi"},
            Selection(workspace_id=None, root_path="/here", mode="lad_pi"),
        ),
        (
            {"workspace_id": "default"},
            Selection(workspace_id="default", root_path="/here", mode="default_pi"),
        ),
        (
            {"workspace_id": "default", "mode": "lad_pi"},
            Selection(workspace_id="default", root_path="/here", mode="lad_pi"),
        ),
    ],
)
def test_a_session_selects_by_id_path_or_default(
    fields: dict[str, Any], selection: Selection
) -> None:
    desk = desk_with(ALPHA)

    session = result_of(desk, "select_workspace", **payload(session_id="ui", **fields))["session"]

    assert selected(desk, "ui") == selection
    assert (
        session["selected_workspace_id"], session["selected_root_path"], session["selected_mode"],
    ) == (selection.workspace_id, selection.root_path, selection.mode)  # fmt: skip


def test_a_selected_default_stays_where_the_command_was() -> None:
    desk = Desk()
    desk.ask("select_workspace", **payload(workspace_id="default"))
    desk.directories.here = "/elsewhere"

    assert said(desk.ask("status"))["workspace_ref"]["root_path"] == "/here"


def test_selecting_without_a_name_is_unresolved() -> None:
    desk = desk_with(ALPHA)

    result = desk.ask("select_workspace", workspace_ref={"workspace_id": "alpha"})

    assert codes(result)[1] == ["workspace_unresolved"]
    assert "input.payload.workspace_id" in result.errors[0].message


def test_a_path_that_is_none_cannot_be_selected() -> None:
    desk = Desk()

    answer = desk.answer("select_workspace", **payload(root_path="/gone"))

    assert [error.field for error in answer.result.errors] == ["input.payload.root_path"]
    assert (answer.exit_code, selected(desk)) == (2, None)


def test_a_registered_workspace_whose_directory_is_gone_is_selected_with_a_warning() -> None:
    desk = desk_with(ALPHA, directories=NamedDirectories())

    result = desk.ask("select_workspace", **payload(workspace_id="alpha"))

    assert codes(result) == (["workspace_missing"], [])
    assert selected(desk) is not None


def test_selecting_again_replaces_workspace_and_mode() -> None:
    desk = desk_with(ALPHA)
    desk.ask("select_workspace", **payload(workspace_id="alpha", mode="lad_pi"))
    desk.ask("select_workspace", **payload(root_path="/here"))

    assert selected(desk) == Selection(workspace_id=None, root_path="/here")


@pytest.mark.parametrize(("client", "kept"), [("Mission Control", "Mission Control"), (None, "s")])
def test_a_session_made_by_selecting_is_called_as_its_client(client: str | None, kept: str) -> None:
    desk = desk_with(ALPHA)

    result = result_of(
        desk,
        "select_workspace",
        client_name=client,
        **payload(session_id="s", workspace_id="alpha"),
    )

    assert result["session"]["client_name"] == kept


def test_sessions_do_not_see_each_others_selections() -> None:
    desk = desk_with(ALPHA)
    for session_id, path in (("a", "/here"), ("b", "/shop")):
        desk.ask("select_workspace", **payload(session_id=session_id, root_path=path))

    for session_id, path in (("a", "/here"), ("b", "/shop")):
        result = desk.ask("status", client_name=session_id)
        assert result.workspace_ref.root_path == path


# sessions


def test_every_session_is_listed_by_id_with_what_it_chose() -> None:
    desk = desk_with(ALPHA)
    desk.ask("select_workspace", client_name="ui", request_id="one", **payload(root_path="/shop"))
    desk.ask("explode", client_name="a", request_id="two")

    listed = result_of(desk, "list_sessions")["sessions"]

    assert [
        (each["session_id"], each["selected_root_path"], each["recent_request_ids"])
        for each in listed
    ] == [("a", None, ["two"]), ("ui", "/shop", ["one"])]


def test_a_session_is_inspected_as_it_was_before() -> None:
    desk = Desk()
    desk.ask("list_sessions", client_name="ui", request_id="one", nonsense=1)

    session = result_of(desk, "inspect_session", request_id="two", **payload(session_id="ui"))[
        "session"
    ]

    assert session["recent_request_ids"] == ["one"]
    assert session["last_warning_codes"] == ["unknown_field"]
    assert (session["client_name"], session["session_id"]) == ("ui", "ui")


def test_only_the_named_session_is_forgotten() -> None:
    desk = Desk()
    for name in ("a", "b"):
        desk.ask("list_sessions", client_name=name)

    desk.ask("forget_session", client_name="b", **payload(session_id="a"))

    assert [session.session_id for session in desk.store.list_sessions()] == ["b"]


def test_a_session_that_selected_is_gone_with_its_selection() -> None:
    desk = desk_with(ALPHA)
    desk.ask("select_workspace", **payload(workspace_id="alpha"))

    desk.ask("forget_session", **payload(session_id="local"))

    assert codes(desk.ask("status"))[1] == ["workspace_unresolved"]
