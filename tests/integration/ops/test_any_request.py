"""Whatever comes in, one published result goes out, and no program is opened without a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from millracer.contracts.ops_payloads import Action
from millracer.contracts.schemas import SchemaName
from millracer.domain.result import RunResult
from millracer.domain.work import RunRequest
from millracer.errors import StoreUnavailable, ToolFailed, ToolNotFound, ToolTimeout
from millracer.waiting import Cancellation, CancelReason
from tests.fakes.millrace import ScriptedMillrace
from tests.fakes.store import InMemorySessionStore
from tests.support.hostile import ATTACKS
from tests.support.ops_requests import (
    asks,
    bent_requests,
    encoded,
    json_values,
    raw_requests,
    texts,
    valid_requests,
)
from tests.support.ops_results import run_results
from tests.support.ops_world import (
    HERE,
    WORKSPACE,
    Answered,
    MemoryDirectories,
    MemoryTools,
    OpsWorld,
    assert_published,
)

INVALID = {"invalid_request", "invalid_input", "usage"}
EXIT_CODES = {
    "succeeded": {0},
    "blocked": {0},
    "incomplete": {0},
    "timed_out": {7},
    "cancelled": {130, 143},
    "failed": {1, 2},
}


class LostStore(InMemorySessionStore):
    """A store on a disk that is gone."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in {"notices", "copied"}:
            return super().__getattribute__(name)
        raise StoreUnavailable("the store is gone")


@st.composite
def worlds(draw: st.DrawFn) -> OpsWorld:
    """A machine on which this or that is missing, with or without memories."""
    made = draw(run_results(texts() | st.sampled_from(ATTACKS) | st.just("half \ud800")))

    def canned(request: RunRequest) -> RunResult:
        return replace(made, request_id=request.request_id)

    millrace = ScriptedMillrace()
    for call in draw(st.sets(st.sampled_from(["check_supported", "read_status"]))):
        error = draw(st.sampled_from([ToolTimeout, ToolFailed, ToolNotFound]))
        millrace.will_fail(call, error("millrace", "no", detail=draw(texts())))
    cancellation = Cancellation()
    if draw(st.integers(0, 9)) == 0:
        cancellation.cancel(draw(st.sampled_from(CancelReason)))
    everywhere = frozenset({HERE, WORKSPACE, "/"})
    directories = MemoryDirectories(
        existing=draw(st.sampled_from([everywhere, frozenset()])),
        initialised=draw(st.sampled_from([everywhere, frozenset()])),
        here=draw(st.sampled_from([HERE, WORKSPACE, None])),
    )
    world = OpsWorld(
        tools=MemoryTools(scripted=millrace, canned=canned),
        directories=directories,
        store=draw(st.sampled_from([InMemorySessionStore, InMemorySessionStore, LostStore]))(),
        workspace=draw(st.sampled_from([None, None, WORKSPACE, "sub", "\0"])),
        cancellation=cancellation,
    )
    if draw(st.booleans()):
        registering = {"workspace_id": "w", "root_path": WORKSPACE, "is_default": True}
        world.answer(encoded(asks("register_workspace", input=registering)))
        selecting = {"workspace_id": "w", "session_id": "local"}
        world.answer(encoded(asks("select_workspace", input=selecting)))
    return world


@given(worlds(), valid_requests(), st.booleans())
def test_any_valid_request_is_answered(world: OpsWorld, request: Any, stream: bool) -> None:  # noqa: FBT001 - drawn
    answered = world.answer(encoded(request), stream=stream)

    check(world, answered)
    event(f"{answered.document['action']}: {answered.document['status']} {answered.codes}")
    assert answered.exit_code != 2 or set(answered.codes) <= INVALID


@given(worlds(), bent_requests() | json_values(), st.booleans())
def test_any_json_is_answered(world: OpsWorld, document: Any, stream: bool) -> None:  # noqa: FBT001 - drawn
    answered = world.answer(encoded(document), stream=stream)

    check(world, answered)
    event(f"{answered.document['status']} {answered.exit_code} {answered.codes[:1]}")


@given(worlds(), raw_requests())
def test_any_bytes_are_answered(world: OpsWorld, raw: bytes) -> None:
    answered = world.answer(raw)

    check(world, answered)
    event(f"{answered.document['status']} {answered.exit_code}")


@given(worlds(), st.lists(bent_requests() | valid_requests(), min_size=2, max_size=3))
def test_whatever_came_before_the_next_request_is_answered(
    world: OpsWorld, documents: list[Any]
) -> None:
    for document in documents:
        world.tools.opened.clear()
        check(world, world.answer(encoded(document)))


def check(world: OpsWorld, answered: Answered) -> None:
    """Hold an answer to what is promised for every request."""
    document = answered.document
    assert_published(SchemaName.OPS_RESULT, document)
    assert answered.exit_code in EXIT_CODES[document["status"]]
    if answered.exit_code == 2:
        assert INVALID & set(answered.codes)
    if document["status"] == "failed" and answered.exit_code == 1:
        assert answered.codes[:1] not in [[code] for code in INVALID]
    if document["result"] == {}:
        assert answered.codes
    for error in document["errors"]:
        assert error["code"] != "internal_error" or document.get("raw_compat")
    if world.tools.opened:
        assert document["action"] in {Action.STATUS, Action.ENQUEUE}
        assert answered.exit_code != 2 or document.get("raw_compat")
    if "raw_compat" in document:
        assert document["action"] == Action.ENQUEUE
        assert_published(SchemaName.RUN_RESULT, document["raw_compat"])
        assert world.tools.opened == ["orchestrator"]
    else:
        assert not document["completion"]["scoped_completion"]
