import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.workspaces import (
    RegisteredWorkspace,
    Resolution,
    ResolutionRule,
    Selection,
    Session,
)
from millracer.errors import RunWarning, StoreUnavailable, WorkspaceUnresolved, WorkspaceUnusable
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.resolve_workspace import (
    NamedWorkspace,
    command_workspace,
    resolve_option,
    resolve_workspace,
    shadow_warning,
)
from millracer.ports import SessionStore
from millracer.testing.clock import FrozenClock
from tests.fakes.directories import NamedDirectories
from tests.fakes.failing_store import FailingStore
from tests.fakes.store import InMemorySessionStore

NOW = FrozenClock().now()
ALPHA = RegisteredWorkspace(
    workspace_id="alpha", root_path="/alpha", display_name="Alpha", default_mode="learning_pi"
)
HOME = RegisteredWorkspace(workspace_id="home", root_path="/home", is_default=True)
EVERYTHING = NamedWorkspace(workspace_id="alpha", root_path="/asked", command_workspace="/command")


def session(selection: Selection | None) -> Session:
    return Session(
        session_id="ui", client_name="ui", selection=selection, created_at=NOW, updated_at=NOW
    )


def resolve(
    named: NamedWorkspace,
    *,
    store: SessionStore | None = None,
    selection: Selection | None = None,
    directories: NamedDirectories | None = None,
) -> Resolution:
    return resolve_workspace(
        named,
        session(selection),
        SessionMemory(store or InMemorySessionStore()),
        directories or NamedDirectories(),
    )


def registered(*workspaces: RegisteredWorkspace) -> FailingStore:
    store = FailingStore()
    for workspace in workspaces:
        store.register_workspace(workspace)
    return store


SELECTED = Selection(workspace_id=None, root_path="/selected")
WORKSPACE_HERE = NamedDirectories(workspaces={"/here"})


@pytest.mark.parametrize(
    ("named", "selection", "store", "rule", "root_path"),
    [
        (EVERYTHING, SELECTED, registered(ALPHA, HOME), "request_workspace_id", "/alpha"),
        (
            NamedWorkspace(root_path="/asked", command_workspace="/command"),
            SELECTED, registered(HOME), "request_root_path", "/asked",
        ),
        (
            NamedWorkspace(command_workspace="/command"),
            SELECTED, registered(HOME), "cli_workspace", "/command",
        ),
        (NamedWorkspace(), SELECTED, registered(HOME), "active_session", "/selected"),
        (NamedWorkspace(), None, registered(HOME), "registry_default", "/home"),
        (NamedWorkspace(), None, registered(ALPHA), "cwd", "/here"),
    ],
)  # fmt: skip
def test_each_rule_goes_before_all_that_follow(
    named: NamedWorkspace,
    selection: Selection | None,
    store: SessionStore,
    rule: str,
    root_path: str,
) -> None:
    taken = resolve(named, selection=selection, store=store, directories=WORKSPACE_HERE)

    assert (taken.rule, taken.root_path) == (rule, root_path)


@pytest.mark.parametrize("here", ["/here", None])
def test_where_nothing_names_one_the_way_to_is_named(here: str | None) -> None:
    with pytest.raises(WorkspaceUnresolved) as caught:
        resolve(NamedWorkspace(), directories=NamedDirectories(here=here))

    assert "--workspace" in (caught.value.suggested_action or "")


@given(
    workspace_id=st.sampled_from([None, "alpha", "default"]),
    root_path=st.sampled_from([None, "/asked", "asked"]),
    command_workspace=st.sampled_from([None, "/command"]),
    selection=st.sampled_from(
        [
            None,
            SELECTED,
            Selection(workspace_id="alpha", root_path="/old"),
            Selection(workspace_id="gone", root_path="/gone"),
            Selection(workspace_id="gone", root_path=None),
        ]
    ),
    has_default=st.booleans(),
    workspace_here=st.booleans(),
)
def test_the_rule_taken_is_the_first_that_names_something(  # noqa: PLR0913 - one for each rule
    *,
    workspace_id: str | None,
    root_path: str | None,
    command_workspace: str | None,
    selection: Selection | None,
    has_default: bool,
    workspace_here: bool,
) -> None:
    own = command_workspace or "/here"
    selected = {None: None, "alpha": "/alpha", "gone": "/gone"}[
        None if selection is None else selection.workspace_id
    ]
    if selection is not None and selection.workspace_id is None:
        selected = selection.root_path
    if selection is not None and selection.root_path is None:
        selected = None
    says = {
        ResolutionRule.REQUEST_WORKSPACE_ID: {None: None, "alpha": "/alpha", "default": own}[
            workspace_id
        ],
        ResolutionRule.REQUEST_ROOT_PATH: {None: None, "/asked": "/asked", "asked": "/here/asked"}[
            root_path
        ],
        ResolutionRule.CLI_WORKSPACE: command_workspace,
        ResolutionRule.ACTIVE_SESSION: selected,
        ResolutionRule.REGISTRY_DEFAULT: "/home" if has_default else None,
        ResolutionRule.CWD: "/here" if workspace_here else None,
    }
    assert list(says) == list(ResolutionRule)
    expected = next(((rule, path) for rule, path in says.items() if path is not None), None)

    def taken() -> tuple[ResolutionRule, str]:
        resolution = resolve(
            NamedWorkspace(
                workspace_id=workspace_id, root_path=root_path, command_workspace=command_workspace
            ),
            store=registered(ALPHA, *([HOME] if has_default else [])),
            selection=selection,
            directories=WORKSPACE_HERE if workspace_here else NamedDirectories(),
        )
        return resolution.rule, resolution.root_path

    if expected is None:
        with pytest.raises(WorkspaceUnresolved):
            taken()
    else:
        assert taken() == expected


# wrong names


@pytest.mark.parametrize(
    ("named", "error"),
    [
        (NamedWorkspace(workspace_id="alhpa", command_workspace="/command"), WorkspaceUnresolved),
        (
            NamedWorkspace(workspace_id="alhpa", root_path="\0", command_workspace="/command"),
            WorkspaceUnusable,
        ),
        (NamedWorkspace(root_path="\0", command_workspace="/command"), WorkspaceUnusable),
        (NamedWorkspace(command_workspace="\0"), WorkspaceUnusable),
    ],
)
def test_a_wrong_name_never_falls_through_to_the_next_rule(
    named: NamedWorkspace, error: type[Exception]
) -> None:
    with pytest.raises(error):
        resolve(
            named,
            selection=SELECTED,
            store=registered(ALPHA, HOME),
            directories=WORKSPACE_HERE,
        )


@pytest.mark.parametrize(
    "named", [NamedWorkspace(root_path="/gone"), NamedWorkspace(command_workspace="/gone")]
)
def test_a_directory_that_does_not_exist_is_meant_all_the_same(named: NamedWorkspace) -> None:
    taken = resolve(named, selection=SELECTED, directories=WORKSPACE_HERE)

    assert taken.root_path == "/gone"


def test_a_selected_directory_that_is_gone_is_meant_all_the_same() -> None:
    taken = resolve(NamedWorkspace(), selection=SELECTED, directories=WORKSPACE_HERE)

    assert taken.root_path == "/selected"


# ids


def test_an_id_gives_what_the_workspace_is_registered_with() -> None:
    assert resolve(NamedWorkspace(workspace_id="alpha"), store=registered(ALPHA)) == Resolution(
        rule=ResolutionRule.REQUEST_WORKSPACE_ID,
        root_path="/alpha",
        workspace_id="alpha",
        display_name="Alpha",
        default_mode="learning_pi",
    )


def test_a_path_beside_an_unknown_id_is_taken_under_that_id() -> None:
    taken = resolve(NamedWorkspace(workspace_id="beta", root_path="/beta"), store=registered(ALPHA))

    assert taken == Resolution(
        rule=ResolutionRule.REQUEST_ROOT_PATH, root_path="/beta", workspace_id="beta"
    )


@pytest.mark.parametrize(
    ("command", "here", "expected"),
    [("/command", "/here", "/command"), ("sub", "/here", "/here/sub"), (None, "/here", "/here")],
)
def test_default_names_the_commands_own_workspace(
    command: str | None, here: str | None, expected: str
) -> None:
    taken = resolve(
        NamedWorkspace(workspace_id="default", command_workspace=command),
        store=registered(ALPHA, HOME),
        selection=SELECTED,
        directories=NamedDirectories(here=here),
    )

    assert (taken.rule, taken.root_path, taken.workspace_id) == (
        "request_workspace_id", expected, "default",
    )  # fmt: skip


def test_default_names_nothing_where_the_directory_is_gone() -> None:
    with pytest.raises(WorkspaceUnresolved):
        resolve(
            NamedWorkspace(workspace_id="default"),
            selection=SELECTED,
            directories=NamedDirectories(here=None),
        )


def test_default_needs_no_store() -> None:
    store = registered()
    store.lock()

    resolve(NamedWorkspace(workspace_id="default"), store=store)

    assert store.asked == []


@pytest.mark.parametrize(("path", "name"), [("/a/b", "b"), ("/", "/")])
def test_the_commands_own_workspace_is_called_as_its_directory_is(path: str, name: str) -> None:
    memory = SessionMemory(InMemorySessionStore())

    assert command_workspace(path, memory, NamedDirectories()).display_name == name


@pytest.mark.parametrize(
    ("name", "there", "taken", "warned"),
    [
        ("alpha", False, ("/alpha", "alpha"), []),
        ("alpha", True, ("/here/alpha", None), ["workspace_id_shadowed"]),
        ("./alpha", False, ("/here/alpha", None), []),
        ("beta", False, ("/here/beta", None), []),
    ],
)
def test_the_option_names_a_directory_else_a_registered_workspace(
    name: str, taken: tuple[str, str | None], warned: list[str], *, there: bool
) -> None:
    memory = SessionMemory(registered(ALPHA))
    directories = NamedDirectories(workspaces={"/here/alpha"} if there else set())

    found = resolve_option(name, memory, directories)

    assert (found.rule, found.root_path, found.workspace_id) == ("cli_workspace", *taken)
    assert [each.code for each in shadow_warning(name, memory, directories)] == warned


# selections


def test_a_selection_outlives_the_registrys_entry() -> None:
    store = registered(ALPHA)
    store.forget_workspace("alpha")

    taken = resolve(
        NamedWorkspace(), store=store, selection=Selection(workspace_id="alpha", root_path="/alpha")
    )

    assert taken == Resolution(
        rule=ResolutionRule.ACTIVE_SESSION, root_path="/alpha", workspace_id="alpha"
    )


def test_a_selected_id_means_what_it_is_registered_as_now() -> None:
    taken = resolve(
        NamedWorkspace(),
        store=registered(ALPHA),
        selection=Selection(workspace_id="alpha", root_path="/moved-away"),
    )

    assert (taken.rule, taken.root_path) == ("active_session", "/alpha")
    assert (taken.display_name, taken.default_mode) == ("Alpha", "learning_pi")


def test_a_command_without_a_session_asks_the_next_rule() -> None:
    taken = resolve_workspace(
        NamedWorkspace(), None, SessionMemory(registered(HOME)), NamedDirectories()
    )

    assert taken.rule == "registry_default"


# a store that cannot be used


def locked(*workspaces: RegisteredWorkspace) -> FailingStore:
    store = registered(*workspaces)
    store.lock()
    return store


def test_an_id_is_not_a_guess_where_the_registry_cannot_be_read() -> None:
    with pytest.raises(StoreUnavailable):
        resolve(
            NamedWorkspace(workspace_id="alpha", command_workspace="/command"),
            store=locked(ALPHA),
            selection=SELECTED,
            directories=WORKSPACE_HERE,
        )


@pytest.mark.parametrize(
    ("named", "selection", "rule", "root_path", "asked"),
    [
        (
            NamedWorkspace(workspace_id="alpha", root_path="/asked"), SELECTED,
            "request_root_path", "/asked", ["find_workspace"],
        ),
        (NamedWorkspace(root_path="/asked"), SELECTED, "request_root_path", "/asked", []),
        (NamedWorkspace(command_workspace="/command"), SELECTED, "cli_workspace", "/command", []),
        (NamedWorkspace(), SELECTED, "active_session", "/selected", []),
        (
            NamedWorkspace(), Selection(workspace_id="alpha", root_path="/then"),
            "active_session", "/then", ["find_workspace"],
        ),
        (
            NamedWorkspace(), Selection(workspace_id="alpha", root_path=None),
            "cwd", "/here", ["find_workspace"],
        ),
        (NamedWorkspace(), None, "cwd", "/here", ["list_workspaces"]),
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_used_is_asked_once_and_its_rule_names_nothing(
    named: NamedWorkspace,
    selection: Selection | None,
    rule: str,
    root_path: str,
    asked: list[str],
) -> None:
    store = locked(ALPHA, HOME)
    memory = SessionMemory(store)

    taken = resolve_workspace(named, session(selection), memory, WORKSPACE_HERE)

    assert (taken.rule, taken.root_path) == (rule, root_path)
    assert store.asked == asked
    assert [warning.code for warning in memory.warnings] == [
        "session_store_unavailable" for _ in asked
    ]


def test_a_trouble_from_before_answers_for_the_registry() -> None:
    store = locked(ALPHA)
    memory = SessionMemory(store)
    assert memory.session("ui") is None

    with pytest.raises(StoreUnavailable):
        resolve_workspace(NamedWorkspace(workspace_id="alpha"), None, memory, WORKSPACE_HERE)

    assert store.asked == ["find_session"]


def test_what_the_store_has_to_say_is_passed_on() -> None:
    store = registered()
    store.pending_notices = (RunWarning("session_store_corrupt", "set aside"),)

    assert SessionMemory(store).warnings == store.pending_notices
