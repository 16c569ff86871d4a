"""A submission is stored once for each key, as the request that its host performs."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.fleet.items import FleetItem, FleetItemState, ItemFilter
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import FleetShowRequest
from millracer.domain.requests import RunRequest, ScopedWork
from millracer.domain.work.identity import hash_request, work_item_for
from millracer.errors import FleetUnreachable
from millracer.operations.fleet.task import submission_of
from millracer.redaction.process import learn_environment
from millracer.schemas.fleet.report import FleetNotDone
from millracer.schemas.ops.request import read_ops_request
from tests.support.fleet_scene import API, SHOP, START, FleetScene, result

ENVELOPE = {"certificate": {"payload": "e30=", "signatures": []}}


@pytest.fixture
def scene() -> FleetScene:
    return FleetScene()


def test_the_item_is_the_one_that_a_run_of_the_request_makes(scene: FleetScene) -> None:
    scope = ScopedWork(item_id="ITEM-1", source_queue="Q.md", constraints=("keep it small",))
    for fields in (
        {"request_id": "r-1"},
        {"idempotency_key": "ticket-12"},
        {"scope": scope, "context_refs": ("docs/a.md", " padded ")},
    ):
        item_id = scene.add("Fix\n the header  ", **fields)
        detail = scene.fleet.find_item(item_id)
        assert detail is not None
        read = read_ops_request(json.dumps(detail.request).encode())
        named = RunRequest(
            task=read.task or "",
            request_id=read.request.request_id,
            request_id_named=True,
            idempotency_key=read.request.idempotency_key,
            scope=read.scope,
            context_refs=tuple(read.request.context_refs or ()),
        )
        assert (read.action, read.task) == ("enqueue", "Fix\n the header  ")
        assert read.request.route_preference == "millrace"
        assert item_id == work_item_for(named, unique="").item_id
        submission = submission_of(detail.request, workspace_id=SHOP)
        assert submission.request_hash == hash_request(named.body)


def test_the_same_request_is_known_and_another_one_is_a_conflict(scene: FleetScene) -> None:
    first = scene.submit(idempotency_key="k")
    again = scene.submit(idempotency_key="k")
    assert (first.result.verdict, again.result.verdict) == ("new", "known")
    assert again.result.item.work_item_id == first.result.item.work_item_id
    for other in (
        scene.submit("Fix the footer", idempotency_key="k"),
        scene.submit(idempotency_key="k", workspace_id=API),
        scene.submit(idempotency_key="k", label="python"),
    ):
        assert [each.code for each in other.result.errors] == ["idempotency_conflict"]
        assert (other.exit_code, other.result.item) == (2, None)
    assert scene.fleet.list_items(_everything()).total == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"workspace_id": "nowhere"}, "workspace_id"),
        ({"label": "rust"}, "label"),
        ({"workspace_id": None}, "workspace_id"),
        ({"label": "python", "workspace_id": SHOP}, "workspace_id"),
        ({"text": "with \0 in it"}, "input.text"),
        ({"text": "half \ud800"}, "input.text"),
        ({"text": "  "}, "task"),
        ({"options": {"max_tokens": 0}}, "options.max_tokens"),
        ({"idempotency_key": " "}, "idempotency_key"),
        ({"priority": 0}, "priority"),
        ({"priority": 2**31}, "priority"),
        ({"not_before": START.replace(tzinfo=None)}, "not_before"),
    ],
)
def test_bad_input_is_refused_with_its_field(
    scene: FleetScene, fields: dict[str, Any], field: str
) -> None:
    answer = scene.submit(fields.pop("text", "Fix it"), **fields)

    assert [each.code for each in answer.result.errors] == ["invalid_request"]
    assert answer.error is not None
    assert (answer.exit_code, answer.error.field) == (2, field)
    assert answer.result.errors[0].suggested_action
    assert scene.fleet.list_items(_everything()).total == 0


def test_a_task_with_a_known_secret_is_not_stored(scene: FleetScene) -> None:
    learn_environment({"OPENAI_API_KEY": "sk-abcdefghijklmnop0123456789"})

    for fields in (
        {"text": "Use sk-abcdefghijklmnop0123456789"},
        {"text": "Fix it", "context_refs": ("https://x/?k=sk-abcdefghijklmnop0123456789",)},
    ):
        answer = scene.submit(fields.pop("text"), **fields)
        assert [each.code for each in answer.result.errors] == ["secret_in_task"]
        assert answer.exit_code == 2
        assert "sk-abc" not in answer.result.errors[0].message
    assert scene.fleet.list_items(_everything()).total == 0


def test_priority_time_and_label_are_stored(scene: FleetScene) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    item = scene.submit(label="python", priority=5, not_before=at).result.item

    assert (item.priority, item.not_before, item.label, item.workspace_id) == (
        5,
        at,
        "python",
        None,
    )
    assert (item.state, item.reason) == ("queued", "not_before")
    assert item.why == "not before 2030-01-01 00:00Z"


def test_a_wait_ends_with_the_outcome_of_the_item(scene: FleetScene) -> None:
    reported = threading.Event()

    class Seen(list[FleetItem]):
        def append(self, item: FleetItem) -> None:
            super().append(item)
            reported.set()

    scene.seen = Seen()

    def host() -> None:
        assert reported.wait(30)
        scene.end(scene.begin(), "blocked")

    thread = threading.Thread(target=host)
    thread.start()
    answer = scene.submit(wait=True)
    thread.join()

    assert answer.exit_code == 4
    assert answer.result.item.outcome == "blocked"
    assert answer.result.result["completion"]["outcome"] == "blocked"
    assert scene.seen[0].state is FleetItemState.QUEUED
    assert scene.seen[-1].state is FleetItemState.ENDED


def test_a_wait_that_times_out_reports_the_item(scene: FleetScene) -> None:
    answer = scene.submit(wait=True, wait_seconds=0)

    assert (answer.exit_code, answer.result.item.state) == (7, "queued")


def test_a_cancelled_wait_reports_the_stored_item(scene: FleetScene) -> None:
    class Stopping(list[FleetItem]):
        def append(self, item: FleetItem) -> None:
            super().append(item)
            scene.cancellation.cancel(CancelReason.INTERRUPTED)

    scene.seen = Stopping()
    answer = scene.submit(wait=True)

    assert answer.exit_code == 130
    assert [each.code for each in answer.result.errors] == ["cancelled"]
    assert answer.result.item.state == "queued"
    assert answer.result.item.work_item_id in answer.result.errors[0].suggested_action


@pytest.mark.parametrize("fields", [{"wait": True}, {}])
def test_an_outage_after_the_submission_reports_the_stored_item(
    scene: FleetScene, fields: dict[str, Any]
) -> None:
    item_id = scene.add()
    if not fields:
        scene.end(scene.begin())

    def away(name: str) -> None:
        if name != "submit":
            raise FleetUnreachable("the database does not answer", suggested_action="wait")

    scene.fleet.before = away
    answer = scene.submit(**fields)

    assert (answer.exit_code, answer.error.code) == (8, "fleet_unreachable")
    assert (answer.result.verdict, answer.result.item.work_item_id) == ("known", item_id)
    assert [each.code for each in answer.result.errors] == ["fleet_unreachable"]
    assert item_id in answer.result.errors[0].suggested_action


def test_only_an_awaited_end_decides_whether_a_submission_succeeded(scene: FleetScene) -> None:
    scene.submit().result.raise_for_outcome()
    with pytest.raises(FleetNotDone) as caught:
        scene.submit(wait=True, wait_seconds=0).result.raise_for_outcome()
    assert caught.value.code == "timed_out"

    scene.end(scene.begin(), "blocked")
    with pytest.raises(FleetNotDone) as caught:
        scene.submit(wait=True).result.raise_for_outcome()
    assert caught.value.code == "blocked"

    scene.submit("Sort it", request_id="r-2")
    scene.end(scene.begin())
    scene.submit("Sort it", request_id="r-2", wait=True).result.raise_for_outcome()


def test_a_published_result_lacks_the_signed_certificate(scene: FleetScene) -> None:
    scene.add()
    lease = scene.begin()
    scene.fleet.take(lease.session, lease.item_id, lease.identity)
    assert not scene.fleet.deliver(lease, result(lease, **ENVELOPE))
    scene.end(scene.fleet.take(lease.session, lease.item_id, lease.identity).lease, **ENVELOPE)

    submitted = scene.submit(wait=True).result
    shown = scene.perform(
        OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=submitted.item.work_item_id)
    )

    assert shown.result.signed_certificate == ENVELOPE["certificate"]
    for published in (submitted.result, shown.result.result, shown.result.refused[0].result):
        assert "certificate" not in published
        assert published["completion"]["outcome"] == "completed"


def test_an_unreachable_database_is_exit_8(scene: FleetScene) -> None:
    def away(_name: str) -> None:
        raise FleetUnreachable("the database does not answer", suggested_action="wait")

    scene.fleet.before = away
    answer = scene.submit()

    assert answer.exit_code == 8
    assert [each.code for each in answer.result.errors] == ["fleet_unreachable"]


@pytest.mark.parametrize("key", [None, "ticket-12"])
def test_a_submission_whose_answer_is_lost_is_repeated_without_a_second_item(
    scene: FleetScene, key: str | None
) -> None:
    def lose(name: str) -> None:
        if name == "submit":
            raise FleetUnreachable("the answer is lost", suggested_action="wait")

    scene.fleet.after = lose
    answer = scene.submit(request_id="r-7", idempotency_key=key)
    scene.fleet.after = lambda _name: None

    assert answer.error is not None
    assert answer.error.code == "fleet_unreachable"
    assert ("--request-id r-7" in answer.error.suggested_action) is (key is None)
    assert scene.submit(request_id="r-7", idempotency_key=key).result.verdict == "known"


def _everything() -> ItemFilter:
    return ItemFilter(open_only=False)
