"""Whatever comes in, one published result goes out, and no program is opened without a reason."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from millracer.cancellation import Cancellation, Cancelled, CancelReason
from millracer.domain.operations import ACTIONS
from millracer.domain.run.result import RunResult
from millracer.errors import ToolFailed, ToolNotFound, ToolTimeout
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.item_payloads import (
    ItemPayload,
    ListRunsPayload,
    ModelsPayload,
    ShowRunPayload,
)
from millracer.schemas.ops.payloads import payload_of
from millracer.testing.backend import ScriptedBackend
from tests.fakes.directories import NamedDirectories
from tests.fakes.store import InMemorySessionStore
from tests.fakes.tools import ScriptedTools
from tests.support.gateway import Desk
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
from tests.support.ops_scenes import LostStore
from tests.support.ops_world import Answered, answer, assert_published, assert_published_result

INVALID = {"invalid_request", "invalid_input", "usage"}
EXIT_CODES = {
    "succeeded": {0},
    "blocked": {0},
    "incomplete": {0},
    "timed_out": {7},
    "cancelled": {130, 143},
    "failed": {1, 2},
}
#: The actions that open Millrace.
ON_MILLRACE = {name for name, action in ACTIONS.items() if not action.on_store}
#: The actions that are refused with exit code 2 where Millrace lacks what the payload names.
OF_SOMETHING_NAMED = {
    name
    for name in ACTIONS
    if issubclass(payload_of(name), ItemPayload | ListRunsPayload | ShowRunPayload | ModelsPayload)
}
#: The actions that run a task or an item to its end.
RUNS = {"enqueue", "watch"}
#: Outcomes of a run whose status is called otherwise.
STATUSES = {
    "completed": "succeeded",
    "crashed": "failed",
    "restart_needed": "failed",
    "budget_exhausted": "incomplete",
}


def seldom() -> st.SearchStrategy[bool]:
    """Draw true once in a while."""
    return st.integers(0, 9).map(lambda drawn: drawn == 9)


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    """A machine on which this or that is missing, with or without memories."""
    millrace = ScriptedBackend()
    for call in draw(st.sets(st.sampled_from(["check_supported", "read_status"]))):
        error = draw(st.sampled_from([ToolTimeout, ToolFailed, ToolNotFound]))
        millrace.will_fail(call, error("millrace", "no", detail=draw(texts())))
    cancellation = Cancellation()
    if draw(seldom()):
        cancellation.cancel(draw(st.sampled_from(CancelReason)))
    desk = Desk(
        tools=ScriptedTools(
            backends=millrace,
            result=draw(run_results(texts() | st.sampled_from(ATTACKS) | st.just("half \ud800"))),
            run_error=draw(st.sampled_from([*[None] * 5, Cancelled(CancelReason.TERMINATED)])),
            refusal=draw(st.sampled_from([*[None] * 5, ToolNotFound("pi", "there is no pi")])),
        ),
        directories=NamedDirectories(
            here=draw(st.sampled_from(["/here", "/shop", None])),
            plain=draw(st.sampled_from([{"/here", "/"}, set()])),
            workspaces=draw(st.sampled_from([{"/shop"}, {"/shop"}, {"/shop"}, set()])),
        ),
        store=draw(st.sampled_from([*[InMemorySessionStore] * 5, LostStore]))(),
        workspace=draw(st.sampled_from([None, None, "/shop", "sub", "\0"])),
        cancellation=cancellation,
    )
    if draw(st.booleans()):
        registering = {"workspace_id": "w", "root_path": "/shop", "is_default": True}
        answer(desk, encoded(asks("register_workspace", input=registering)))
        selecting = {"workspace_id": "w", "session_id": "local"}
        answer(desk, encoded(asks("select_workspace", input=selecting)))
    return desk


@given(desks(), valid_requests(), seldom())
def test_any_valid_request_is_answered(desk: Desk, request: Any, stream: bool) -> None:  # noqa: FBT001 - drawn
    answered = answer(desk, encoded(request), stream=stream)

    check(desk, answered)
    event(f"{answered.document['action']}: {answered.document['status']} {answered.codes}")
    assert answered.exit_code != 2 or set(answered.codes) <= INVALID


@given(desks(), bent_requests() | json_values(), seldom())
def test_any_json_is_answered(desk: Desk, document: Any, stream: bool) -> None:  # noqa: FBT001 - drawn
    answered = answer(desk, encoded(document), stream=stream)

    check(desk, answered)
    event(f"{answered.document['status']} {answered.exit_code} {answered.codes[:1]}")


@given(desks(), raw_requests())
def test_any_bytes_are_answered(desk: Desk, raw: bytes) -> None:
    answered = answer(desk, raw)

    check(desk, answered)
    event(f"{answered.document['status']} {answered.exit_code}")


@given(desks(), st.lists(bent_requests() | valid_requests(), min_size=2, max_size=3))
def test_whatever_came_before_the_next_request_is_answered(
    desk: Desk, documents: list[Any]
) -> None:
    for document in documents:
        desk.tools.opened.clear()
        desk.tools.requests.clear()
        check(desk, answer(desk, encoded(document)))


@given(valid_requests(), run_results(texts()))
def test_any_run_is_reported_as_it_ended(request: dict[str, Any], result: RunResult) -> None:
    desk = Desk(tools=ScriptedTools(result=result))
    request |= asks("enqueue", workspace_ref={"root_path": "/shop"}, input={"text": "Do it"})
    request["options"] = None
    answered = answer(desk, encoded(request))

    check(desk, answered)
    assert answered.document["raw_compat"]["outcome"] == result.outcome
    assert answered.document["result"]["task"] == desk.tools.requests[0].task == "Do it"
    assert answered.document["completion"]["scoped_completion"] == result.scoped_completion


def check(desk: Desk, answered: Answered) -> None:
    """Hold an answer to the promises for every request."""
    document = answered.document
    assert_published_result(document)
    assert answered.exit_code in EXIT_CODES[document["status"]]
    if answered.exit_code == 2:
        assert INVALID & set(answered.codes)
    if document["status"] == "failed" and answered.exit_code == 1:
        assert answered.codes[:1] not in [[code] for code in INVALID]
    if document["result"] == {}:
        assert answered.codes
    for error in document["errors"]:
        assert error["code"] != "internal_error" or document.get("raw_compat")
    if desk.tools.opened:
        assert document["action"] in ON_MILLRACE
        named = document["action"] in OF_SOMETHING_NAMED
        assert answered.exit_code != 2 or named or document.get("raw_compat")
    if "raw_compat" in document:
        assert document["action"] in RUNS
        outcome = document["raw_compat"]["outcome"]
        assert_published(SchemaName.RUN_RESULT, document["raw_compat"])
        assert document["status"] == STATUSES.get(outcome, outcome)
        assert len(desk.tools.requests) == 1
    else:
        assert not document["completion"]["scoped_completion"]
