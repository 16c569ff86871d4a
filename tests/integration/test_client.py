"""`Client` on scripted programs: its methods, options, errors and exports."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import millracer
from millracer import (
    Cancellation,
    CancelReason,
    Client,
    ControlNotDone,
    Finalizer,
    IntakePreference,
    InvalidRequest,
    ItemsNotCompleted,
    ItemState,
    MillracerError,
    NotHealthy,
    NotSubmitted,
    NotSucceeded,
    Outcome,
    OutcomeError,
    ProgressDocument,
    RoutePreference,
    RunNotCompleted,
    RunOptions,
    ScopedWork,
    StatusUnknown,
    ToolFailed,
    UsageError,
)
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.domain.operations import (
    NOT_FOR_WATCH,
    OPERATIONS,
    SUBMIT_OPTIONS,
    OperationName,
    load,
)
from millracer.domain.run.options import RUN_OPTIONS, Form, Option
from millracer.testing import (
    ScriptedAgent,
    ScriptedBackend,
    client,
    item_ends,
    item_goes,
    stage_runs,
)
from millracer.wiring import open_store
from tests.support.fleet_scene import FleetScene

_LIMIT_SECONDS = 120
_DELEGATED = RunOptions(
    route=RoutePreference.MILLRACE, intake=IntakePreference.TASK, finalizer=Finalizer.SUMMARY
)
#: A call of each method with its required arguments.
_CALLS: dict[str, Callable[[Client], Any]] = {
    "run": lambda millracer: millracer.run("Fix it"),
    "submit": lambda millracer: millracer.submit("Fix it"),
    "watch_all": lambda millracer: millracer.watch_all(),
    "status": lambda millracer: millracer.status(),
    "diff": lambda millracer: millracer.diff("item"),
    "certify": lambda millracer: millracer.certify("item"),
    "verify": lambda millracer: millracer.verify(b"{}"),
    "list": lambda millracer: millracer.list(),
    "history": lambda millracer: millracer.history(),
    "show": lambda millracer: millracer.show("item"),
    "logs": lambda millracer: millracer.logs("item"),
    "trace": lambda millracer: millracer.trace("item"),
    "retry": lambda millracer: millracer.retry("item"),
    "start": lambda millracer: millracer.start(),
    "cancel": lambda millracer: millracer.cancel("item"),
    "pause": lambda millracer: millracer.pause(),
    "resume": lambda millracer: millracer.resume(),
    "stop": lambda millracer: millracer.stop(),
    "models": lambda millracer: millracer.models(),
    "watch": lambda millracer: millracer.watch("item").result(),
    "list_runs": lambda millracer: millracer.list_runs(),
    "show_run": lambda millracer: millracer.show_run("run-1"),
    "diagnose": lambda millracer: millracer.diagnose(),
    "fleet_submit": lambda millracer: millracer.fleet_submit("Fix it", "shop"),
    "fleet_list": lambda millracer: millracer.fleet_list(),
    "fleet_show": lambda millracer: millracer.fleet_show("item"),
    "fleet_wait": lambda millracer: millracer.fleet_wait("ended"),
    "fleet_cancel": lambda millracer: millracer.fleet_cancel("item"),
    "fleet_retry": lambda millracer: millracer.fleet_retry("aside"),
    "fleet_hosts": lambda millracer: millracer.fleet_hosts(),
    "fleet_drain": lambda millracer: millracer.fleet_drain("ci-1", wait=False),
    "fleet_workspaces": lambda millracer: millracer.fleet_workspaces(),
    "fleet_forget": lambda millracer: millracer.fleet_forget("api"),
    "fleet_pause": lambda millracer: millracer.fleet_pause("shop"),
    "fleet_resume": lambda millracer: millracer.fleet_resume("shop"),
    "fleet_schedules": lambda millracer: millracer.fleet_schedules(),
    "fleet_prune": lambda millracer: millracer.fleet_prune(60),
    "list_workspaces": lambda millracer: millracer.list_workspaces(),
    "register_workspace": lambda millracer: millracer.register_workspace(".", workspace_id="w"),
    "forget_workspace": lambda millracer: millracer.forget_workspace("w"),
    "select_workspace": lambda millracer: millracer.select_workspace(root_path="."),
    "list_sessions": lambda millracer: millracer.list_sessions(),
    "inspect_session": lambda millracer: millracer.inspect_session(),
    "forget_session": lambda millracer: millracer.forget_session(),
}
#: The methods on registered workspaces and sessions.
_ON_STORE = {str(name) for name, each in OPERATIONS.items() if each.on_store}
#: The work on this item neither began nor ended here, and no key is trusted.
_NEED_MORE = {
    "diff": "changes_unknown",
    "certify": "not_completed",
    "verify": "key_unusable",
}
#: A scripted client has no programs whose installation could be checked.
_NOT_SCRIPTED = {"diagnose"}


def _busy_fleet() -> FleetScene:
    """Return a fleet with an ended item, one that was set aside, and one that waits."""
    scene = FleetScene()
    for text in ("ended", "aside", "item"):
        scene.add(text, request_id=text)
    scene.end(scene.begin())
    scene.fleet.end_dispatch(scene.begin().item_id, DispatchStatus.SET_ASIDE)
    return scene


def _ending_backend() -> ScriptedBackend:
    backend = ScriptedBackend()
    backend.will_show(stage_runs("builder"), item_ends())
    return backend


def _other_value(option: Option, folder: Path) -> Any:
    """Return a valid value that is not the option's default."""
    if option.kind is bool:
        return not option.default
    if issubclass(option.kind, Enum):
        return next(each for each in option.kind if each is not option.default)
    if option.kind in (int, float):
        return option.kind((option.default or 0) + 1)
    if option.form is Form.ARGV:
        return (("true",),)
    if option.form is Form.PATH:
        return str(folder) if option.kind is str else (str(folder),)
    return "other/model" if option.form is Form.MODEL else "other"


class _Opened:
    """Records the options with which backends are opened."""

    def __init__(self) -> None:
        self.options: list[RunOptions] = []

    def backend(self, _root_path: str, options: RunOptions) -> ScriptedBackend:
        self.options.append(options)
        return _ending_backend()

    def client(self, workspace: Path, **options: Any) -> Client:
        return Client(
            workspace,
            backends=self.backend,
            agents=lambda *_: ScriptedAgent("Decision: no", "an answer", "an answer"),
            **options,
        )


# --- the operations ---------------------------------------------------------------------------


def test_every_operation_is_called_here() -> None:
    assert set(_CALLS) == {name for name in OPERATIONS if name is not OperationName.QUEUE_STATUS}


@pytest.mark.parametrize("name", sorted(_CALLS.keys() - _ON_STORE - _NOT_SCRIPTED))
def test_a_method_returns_the_document_of_its_operation(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    operation = OPERATIONS[OperationName(name)]
    backend = _ending_backend()
    if name != "submit":
        backend.holds("item", ItemState.QUEUED)
    if name == "show_run":
        backend.stages.begin("item", "builder", "run-1")

    fleets = _busy_fleet().access.open
    with client(backend=backend, options=_DELEGATED, fleets=fleets) as scripted:
        result = _CALLS[name](scripted)

    assert type(result) is load(operation.result)
    if name in _NEED_MORE:
        assert [error.code for error in result.errors] == [_NEED_MORE[name]]
        with pytest.raises(OutcomeError):
            result.raise_for_outcome()
    else:
        result.raise_for_outcome()
    assert "events_not_stored" not in str(result.warnings)
    assert capsys.readouterr() == ("", "")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_the_watch_of_all_items_raises_for_the_first_that_is_not_completed() -> None:
    backend = ScriptedBackend()
    backend.holds("item", ItemState.QUEUED)
    backend.will_show(stage_runs("builder"), item_ends(ItemState.BLOCKED))

    with client(backend=backend, options=_DELEGATED) as scripted:
        result = scripted.watch_all()

    assert [each.work_item_id for each in result.results] == ["item"]
    with pytest.raises(ItemsNotCompleted) as raised:
        result.raise_for_outcome()
    assert (raised.value.code, raised.value.result) == ("blocked", result)


def test_a_submitted_item_is_watched_to_its_proven_end() -> None:
    backend = _ending_backend()

    with client(backend=backend, options=_DELEGATED) as scripted:
        submitted = scripted.submit("Fix it", request_id="mine")
        events = scripted.watch("mine")
        steps = [event.payload.get("state") for event in events]
        watched = events.result()

    assert watched.work_item_id == submitted.work_item_id
    assert (watched.outcome, watched.scoped_completion) == (Outcome.COMPLETED, True)
    assert {"monitor", "finalize"} <= set(steps)


def test_the_identity_of_a_request_reaches_millrace() -> None:
    scope = ScopedWork(item_id="entry-7", title="An entry")
    backend = ScriptedBackend()

    with client(backend=backend) as scripted:
        scripted.submit("Fix it", scope=scope, idempotency_key="key", context_refs=["docs/a.md"])
        again = scripted.submit(
            "Fix it", scope=scope, idempotency_key="key", context_refs=["docs/a.md"]
        )

    assert again.found
    (document,) = backend.documents
    assert "entry-7" in document.text
    assert "docs/a.md" in document.text


def test_each_run_has_a_conversation_of_its_own() -> None:
    first, second = ScriptedAgent("one"), ScriptedAgent("two")

    with client(first, second, route="direct") as scripted:
        outputs = [scripted.run("a question").output for _ in range(2)]

    assert outputs == ["one", "two"]
    assert (first.closed, second.closed) == (True, True)


@pytest.mark.parametrize("name", sorted(_CALLS))
def test_a_cancelled_call_returns_its_document(name: str) -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.TERMINATED)
    arguments: dict[str, tuple[Any, ...]] = {"run": ("t",), "submit": ("t",)}
    arguments |= dict.fromkeys(
        ("show", "logs", "trace", "watch", "diff", "cancel", "retry", "show_run", "certify"),
        ("item",),
    )
    arguments |= dict.fromkeys(("register_workspace", "forget_workspace"), ("item",))
    arguments |= dict.fromkeys(
        (f"fleet_{each}" for each in ("show", "wait", "cancel", "retry", "drain")), ("item",)
    )
    arguments |= dict.fromkeys(("fleet_forget", "fleet_pause", "fleet_resume"), ("shop",))
    arguments |= {"fleet_submit": ("t", "shop"), "fleet_prune": (60,)}
    keywords = {"workspace_id": "w"} if name == "register_workspace" else {}
    backend = ScriptedBackend()
    backend.holds("item", ItemState.QUEUED)

    with client(backend=backend, fleets=_busy_fleet().access.open) as scripted:
        method = getattr(scripted, name)
        given: tuple[Any, ...] = (b"{}",) if name == "verify" else arguments.get(name, ())
        result = method(*given, cancellation=cancellation, **keywords)
        if name == "watch":
            result = result.result()

    assert "cancelled" in {getattr(result, "outcome", None), *(e.code for e in result.errors)}


def test_a_failure_of_a_program_is_in_the_document() -> None:
    backend = ScriptedBackend()
    backend.will_fail("read_status", ToolFailed("millrace", "no", suggested_action="wait"))

    with client(backend=backend) as scripted:
        status = scripted.status()

    assert [error.code for error in status.errors] == ["millrace_failed"]


def test_documents_contain_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-live-0123456789abcdefABCDEF"
    monkeypatch.setenv("SHOP_API_KEY", key)
    backend = ScriptedBackend()
    backend.will_fail("read_status", ToolFailed("millrace", key, suggested_action="wait"))

    with client(ScriptedAgent(f"the key is {key}"), backend=backend) as scripted:
        documents = (scripted.status(), scripted.run("a question", route="direct"))

    assert [key in each.model_dump_json() for each in documents] == [False, False]


@pytest.mark.parametrize("error", [RuntimeError, MillracerError])
def test_a_listeners_exception_reaches_the_caller(error: type[Exception]) -> None:
    agent = ScriptedAgent("an answer")

    def listener(_step: ProgressDocument) -> None:
        raise error("enough")

    with client(agent, route="direct") as scripted, pytest.raises(error, match="enough"):
        scripted.run("a question", on_progress=listener)

    assert agent.closed


def test_only_a_named_session_records_requests() -> None:
    with client(session_id="mine") as named, client() as unnamed:
        named.submit("Fix it", request_id="one")
        unnamed.submit("Fix it", request_id="two")

    with open_store() as store:
        sessions = {each.session_id: each.recent_request_ids for each in store.list_sessions()}
    assert sessions == {"mine": ("one",)}


def test_workspaces_and_sessions_are_kept_for_later_clients(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    with client(session_id="mine") as scripted:
        registered = scripted.register_workspace(shop, workspace_id="shop", tags=["web"])
        selected = scripted.select_workspace(workspace_id="shop")
        listed = scripted.list_workspaces()
        sessions = scripted.list_sessions()
        shown = scripted.inspect_session()
    with client(session_id="mine") as later:
        forgotten = (later.forget_session(), later.forget_workspace("shop"))
        missing = (later.inspect_session("mine"), later.forget_workspace("shop"))

    for result in (registered, selected, listed, sessions, shown, *forgotten):
        result.raise_for_outcome()
    assert "shop" in {each.workspace_id for each in listed.result.workspaces}
    assert shown.result == selected.result
    assert [each.errors[0].code for each in missing] == ["session_unknown", "workspace_unresolved"]
    with pytest.raises(NotSucceeded) as raised:
        missing[0].raise_for_outcome()
    assert raised.value.result is missing[0]


def test_a_diagnosis_without_programs_is_refused_and_a_failed_one_is_raised() -> None:
    with client() as scripted:
        result = scripted.diagnose()

    assert [each.code for each in result.errors] == ["usage"]
    with pytest.raises(NotHealthy) as raised:
        result.raise_for_outcome()
    assert (raised.value.code, raised.value.result) == ("usage", result)


def test_a_client_without_a_workspace_works_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    roots: list[str] = []

    def backend(root_path: str, _options: RunOptions) -> ScriptedBackend:
        roots.append(root_path)
        return ScriptedBackend()

    with Client(backends=backend) as scripted:
        scripted.status().raise_for_outcome()

    assert roots == [str(tmp_path)]


# --- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", RUN_OPTIONS, ids=lambda option: option.name)
def test_every_option_is_a_keyword_of_the_client_and_of_a_run(
    option: Option, tmp_path: Path
) -> None:
    (tmp_path / "SKILL.md").write_text("---\nname: s\ndescription: d\n---\n")
    opened, given = _Opened(), {option.name: _other_value(option, tmp_path)}

    with opened.client(tmp_path, **given) as of_client, opened.client(tmp_path) as of_call:
        of_client.run("a task")
        of_call.run("a task", **given)

    assert opened.options == [replace(RunOptions(), **given)] * 2


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("run", {option.name for option in RUN_OPTIONS}),
        ("watch", {option.name for option in RUN_OPTIONS} - {*NOT_FOR_WATCH}),
        ("submit", {*SUBMIT_OPTIONS}),
    ],
)
def test_an_option_without_effect_is_refused(name: str, known: set[str], tmp_path: Path) -> None:
    opened = _Opened()

    with opened.client(tmp_path) as scripted:
        for option in {*(each.name for each in RUN_OPTIONS), "no_such_option"} - known:
            with pytest.raises(InvalidRequest) as refused:
                getattr(scripted, name)("a text", **{option: None})
            assert refused.value.field == option

    assert opened.options == []


def test_a_call_takes_precedence_over_its_client_and_that_over_its_options(tmp_path: Path) -> None:
    opened = _Opened()

    with opened.client(
        tmp_path, options=RunOptions(model="a", thinking="a", provider="a"), model="b", thinking="b"
    ) as scripted:
        scripted.run("a task", model="c")
        scripted.run("a task", keep_daemon=None, model=None)

    chosen = [(each.provider, each.thinking, each.model) for each in opened.options]
    assert chosen == [("a", "b", "c"), ("a", "b", "b")]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"route": "sideways"}, "route"),
        ({"pi_timeout_seconds": 0}, "pi_timeout_seconds"),
        ({"cwd": "no/such/folder"}, "cwd"),
        ({"skill": ["no/such/skill"]}, None),
    ],
)
def test_invalid_arguments_are_refused_before_anything_starts(
    given: dict[str, Any], field: str | None, tmp_path: Path
) -> None:
    opened = _Opened()

    def refused(call: Callable[[], object]) -> MillracerError:
        with pytest.raises((UsageError, InvalidRequest)) as error:
            call()
        assert error.value.suggested_action
        return error.value

    with opened.client(tmp_path) as scripted:
        errors = [
            refused(lambda: scripted.run("a task", **given)),
            refused(lambda: opened.client(tmp_path, **given)),
        ]

    assert [getattr(error, "field", None) for error in errors] == [field] * 2
    assert opened.options == []


def test_empty_texts_unusable_places_and_programs_are_refused(tmp_path: Path) -> None:
    with client() as scripted:
        for call in (scripted.run, scripted.submit, scripted.watch, scripted.cancel):
            with pytest.raises(UsageError):
                call(" ")
        with pytest.raises(UsageError):
            scripted.cancel("item", reason=" ")
    with pytest.raises(InvalidRequest) as missing:
        Client(tmp_path / "missing")
    assert missing.value.field == "workspace"
    for program in ("pi_command", "millrace_command"):
        with pytest.raises(UsageError):
            Client(tmp_path, **{program: "program 'unclosed"})


def test_a_closed_client_refuses_every_call() -> None:
    with client() as scripted:
        pass
    scripted.close()

    for call in _CALLS.values():
        with pytest.raises(UsageError):
            call(scripted)


# --- raise_for_outcome ------------------------------------------------------------------------


def _blocked_run() -> Any:
    backend = ScriptedBackend()
    backend.will_show(stage_runs("builder"), item_goes(ItemState.BLOCKED, "it is stuck"))
    with client(backend=backend, options=_DELEGATED) as scripted:
        return scripted.run("Fix it")


def _failed_run() -> Any:
    agent = ScriptedAgent()
    agent.will_fail("429 too many requests")
    with client(agent, route="direct") as scripted:
        return scripted.run("Fix it")


def _blocked_submission() -> Any:
    with client(backend=ScriptedBackend()) as scripted:
        submitted = scripted.submit("Fix it")
        return submitted.model_copy(update={"state": ItemState.BLOCKED, "next_steps": []})


def _unknown_item() -> Any:
    with client() as scripted:
        return scripted.cancel("no-such-item")


def _unread_status() -> Any:
    backend = ScriptedBackend()
    backend.will_fail("read_status", ToolFailed("millrace", "no", suggested_action="wait"))
    with client(backend=backend) as scripted:
        return scripted.status()


@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [
        (_blocked_run, RunNotCompleted, "blocked"),
        (_failed_run, RunNotCompleted, None),
        (_blocked_submission, NotSubmitted, "blocked"),
        (_unknown_item, ControlNotDone, "invalid_request"),
        (_unread_status, StatusUnknown, "millrace_failed"),
    ],
)
def test_a_result_without_success_is_raised_with_the_result(
    end: Callable[[], Any], kind: type[OutcomeError], code: str | None
) -> None:
    result = end()

    with pytest.raises(OutcomeError) as raised:
        result.raise_for_outcome()

    error = raised.value
    assert type(error) is kind
    assert error.result is result
    assert error.code == (code or result.errors[0].code)
    assert error.message
    assert error.suggested_action


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_completed_run_is_not_raised(outcome: Outcome) -> None:
    with client(ScriptedAgent("an answer"), route="direct") as scripted:
        result = scripted.run("a question").model_copy(update={"outcome": outcome})

    if outcome is Outcome.COMPLETED:
        result.raise_for_outcome()
    else:
        with pytest.raises(RunNotCompleted) as raised:
            result.raise_for_outcome()
        assert raised.value.code == outcome


# --- exports ----------------------------------------------------------------------------------


def _parts(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel | Enum):
        yield annotation
    for each in get_args(annotation):
        yield from _parts(each)


def _reachable(model: type, found: set[type]) -> set[type]:
    """Return the models and enums from which a model is made."""
    if model not in found:
        found.add(model)
        inner = (
            [each.annotation for each in model.model_fields.values()]
            if issubclass(model, BaseModel)
            else []
        )
        for annotation in inner:
            for part in _parts(annotation):
                _reachable(part, found)
    return found


def test_every_part_of_a_public_model_is_public() -> None:
    public = {getattr(millracer, name) for name in millracer.__all__}
    found: set[type] = set()
    for each in public:
        if isinstance(each, type) and issubclass(each, BaseModel):
            _reachable(each, found)

    assert found - public == set()


def test_every_type_of_an_option_is_public() -> None:
    kinds = {option.kind for option in RUN_OPTIONS if issubclass(option.kind, Enum)}

    assert {kind.__name__ for kind in kinds} <= set(millracer.__all__)
    assert [field.name for field in fields(RunOptions)] == [option.name for option in RUN_OPTIONS]


def test_type_checkers_read_the_names_that_are_loaded() -> None:
    tree = ast.parse(Path(millracer.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (alias.asname, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert typed == {
        (name, module) for module, names in millracer._MODULES.items() for name in names
    }


def test_the_example_of_scripted_tests_passes() -> None:
    examples = Path(__file__).parents[2] / "docs" / "examples"

    ran = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-c", os.devnull, "--rootdir", str(examples), "test_deliver.py"),
        ),
        cwd=examples,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
