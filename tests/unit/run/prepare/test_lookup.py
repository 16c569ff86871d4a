"""A work item goes by its own id and by that of the request it was made of."""

from dataclasses import replace

import pytest

from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState
from millracer.errors import InvalidRequest
from millracer.run.prepare.lookup import item_named
from millracer.testing.backend import ScriptedBackend
from tests.unit.operations.test_submit import NAMED, submitted


def test_a_request_id_means_the_item_that_was_made_of_it() -> None:
    millrace = ScriptedBackend()
    item_id = submitted(millrace).item_id
    submitted(millrace, replace(NAMED, request_id="r-2"))

    assert item_named("r-1", millrace) == item_id
    assert item_named(item_id or "", millrace) == item_id


def test_an_idempotency_key_does_so_too() -> None:
    millrace = ScriptedBackend()
    item_id = submitted(millrace, replace(NAMED, idempotency_key="k-1")).item_id

    assert item_named("k-1", millrace) == item_id
    assert item_named("r-1", millrace) == "r-1"


def test_a_foreign_id_is_left_as_it_is() -> None:
    millrace = ScriptedBackend()
    submitted(millrace)
    millrace.holds("t1", ItemState.QUEUED)

    assert item_named("t1", millrace) == "t1"


def test_a_request_id_of_two_texts_is_refused_with_both_items() -> None:
    millrace = ScriptedBackend()
    ids = {submitted(millrace, replace(NAMED, task=task)).item_id for task in ("One", "The other")}

    with pytest.raises(InvalidRequest) as refused:
        item_named("r-1", millrace)

    assert all(str(item_id) in refused.value.message for item_id in ids)


def test_a_spec_made_from_an_idea_means_the_idea() -> None:
    millrace = ScriptedBackend()
    millrace.holds("plan-2c3d", ItemState.DONE, kind=IntakeKind.IDEA, millrace_id="idea-plan")
    millrace.holds("other", ItemState.DONE)

    assert item_named("idea-plan", millrace) == "plan-2c3d"
    assert item_named("other", millrace) == "other"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("widg", "widget-blue"),
        ("widget-blue", "widget-blue"),
        ("cog", "cog"),
        ("other", "other"),
        ("gadget", "gadget"),
    ],
)
def test_a_unique_beginning_of_an_id_means_that_item(name: str, found: str) -> None:
    millrace = ScriptedBackend()
    millrace.holds("widget-blue", ItemState.DONE)
    millrace.holds("gadget", ItemState.QUEUED)
    millrace.holds("gadget-red", ItemState.QUEUED)

    assert item_named(name, millrace) == found


@pytest.mark.parametrize("name", ["g", "gad"])
def test_a_beginning_of_fewer_than_four_characters_is_refused_with_that_limit(name: str) -> None:
    millrace = ScriptedBackend()
    millrace.holds("gadget-green", ItemState.QUEUED)

    with pytest.raises(InvalidRequest) as refused:
        item_named(name, millrace)

    assert "at least 4 characters" in refused.value.message


def test_a_beginning_of_several_ids_is_refused_with_them() -> None:
    millrace = ScriptedBackend()
    millrace.holds("gadget-green", ItemState.QUEUED)
    millrace.holds("gadget-red", ItemState.QUEUED)

    with pytest.raises(InvalidRequest) as refused:
        item_named("gadg", millrace)

    assert "gadget-green, gadget-red" in refused.value.message
