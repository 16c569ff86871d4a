from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from millracer.domain.requests import (
    Finalizer,
    IntakePreference,
    RequestBody,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.work.identity import hash_request, is_item_id, is_named, work_item_for
from millracer.errors import InvalidRequest
from tests.support.hostile import any_texts, bodies, references, scopes

SCOPE = ScopedWork(
    item_id="ITEM-1",
    title="Fix it",
    source_queue="queue.md",
    spec_path="specs/1.md",
    completion_ref="submit-1",
    constraints=("only this",),
)


def ask(task: str = "Make it blue", **said: object) -> RunRequest:
    return replace(RunRequest(task=task, request_id="req-001"), **said)


def item_id(request: RunRequest, unique: str = "fresh") -> str:
    return work_item_for(request, unique=unique).item_id


def hash_of(task: str, scope: ScopedWork | None = None, *context_refs: str) -> str:
    return hash_request(RequestBody(task=task, scope=scope, context_refs=context_refs))


def names() -> st.SearchStrategy[str]:
    return any_texts().filter(lambda text: text.strip() != "")


def requests() -> st.SearchStrategy[RunRequest]:
    scope = scopes(any_texts()).filter(lambda scope: scope.item_id.strip() != "")
    return st.builds(
        RunRequest,
        task=any_texts(),
        request_id=names(),
        request_id_named=st.booleans(),
        idempotency_key=st.none() | names(),
        scope=st.none() | scope,
        context_refs=references(any_texts()),
    )


def named_as(request: RunRequest) -> object:
    """What names the request's work, said without any hashing."""
    if request.idempotency_key is not None:
        return ("key", request.idempotency_key)
    if request.scope is not None:
        scope = request.scope
        return ("scope", scope.item_id, scope.source_queue, scope.completion_ref)
    if request.request_id_named:
        return ("request", request.request_id, request.task, request.context_refs)
    return "unnamed"


@given(requests(), st.text(min_size=1, max_size=4))
def test_every_id_suits_millrace_and_every_file_system(request: RunRequest, unique: str) -> None:
    item = work_item_for(request, unique=unique)

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", item.item_id)
    assert not item.item_id.startswith("idea-")
    assert len(item.item_id) <= 60
    assert re.fullmatch(r"[0-9a-f]{64}", item.request_hash)


@given(requests(), requests())
def test_two_requests_share_an_id_exactly_when_they_name_the_same_work(
    one: RunRequest, other: RunRequest
) -> None:
    same_work = named_as(one) == named_as(other) != "unnamed"

    assert (item_id(one, "1") == item_id(other, "2")) == same_work


@given(requests(), any_texts())
def test_a_key_or_a_scoped_item_keeps_its_id_whatever_the_body(
    request: RunRequest, task: str
) -> None:
    assume(request.idempotency_key is not None or request.scope is not None)
    other = replace(request, task=task, context_refs=(*request.context_refs, task))
    if other.scope is not None:
        other = replace(other, scope=replace(other.scope, title=task, constraints=(task,)))

    assert item_id(request) == item_id(other)


def test_the_same_text_as_key_scope_request_id_and_invocation_names_four_items() -> None:
    ids = {
        item_id(ask(idempotency_key="x")),
        item_id(ask(scope=ScopedWork(item_id="x"))),
        item_id(ask(request_id="x", request_id_named=True)),
        item_id(ask(), unique="x"),
    }

    assert len(ids) == 4


def test_a_key_names_the_work_before_a_scope_and_a_scope_before_a_request_id() -> None:
    by_key = ask(idempotency_key="k", scope=SCOPE, request_id_named=True)
    by_scope = ask(scope=SCOPE, request_id_named=True)

    assert item_id(by_key) == item_id(ask(idempotency_key="k"))
    assert item_id(by_scope) == item_id(ask(scope=SCOPE))


def test_every_part_of_a_scoped_items_name_counts_and_absent_is_not_empty() -> None:
    ids = {
        item_id(ask(scope=scope))
        for scope in (
            SCOPE,
            replace(SCOPE, item_id="item-1"),
            replace(SCOPE, item_id="ITEM-12"),
            replace(SCOPE, source_queue="other.md"),
            replace(SCOPE, source_queue=None),
            replace(SCOPE, source_queue=""),
            replace(SCOPE, completion_ref="submit-2"),
            replace(SCOPE, source_queue="submit-1", completion_ref="queue.md"),
        )
    }

    assert len(ids) == 8


def test_a_reused_request_id_with_another_body_names_other_work() -> None:
    first = ask("build\na", request_id_named=True)
    second = ask("build\nb", request_id_named=True)

    assert item_id(first) != item_id(second)
    assert item_id(first) != item_id(replace(first, context_refs=("a",)))
    assert item_id(first) == item_id(replace(first, mode="lad_pi"))


def test_work_is_named_by_a_key_a_scope_or_a_request_id() -> None:
    for request in (
        ask(idempotency_key="k"),
        ask(scope=SCOPE),
        ask(request_id_named=True),
    ):
        assert work_item_for(request, unique="u").named


def test_two_unnamed_runs_of_one_task_are_two_items() -> None:
    assert item_id(ask(), "1") != item_id(ask(), "2")
    assert not work_item_for(ask(), unique="1").named


def test_an_unnamed_request_without_a_fresh_text_is_a_bug() -> None:
    with pytest.raises(ValueError, match="unique"):
        work_item_for(ask(), unique="")


@pytest.mark.parametrize(
    ("request_", "slug"),
    [
        (ask(idempotency_key="Nightly/Build.7"), "nightly-build-7"),
        (ask(scope=replace(SCOPE, item_id="ITEM-12")), "item-12"),
        (ask("\n# Füge Übersicht hinzu!"), "fuge-ubersicht-hinzu"),
        (ask("idea-idea: a list"), "a-list"),
        (ask("Idea"), "item"),
        (ask("ideal"), "ideal"),
        (ask("你好"), "item"),
        (ask("w" * 80), "w" * 36),
        (ask("w" * 35 + " cut at the blank"), "w" * 35),
        (ask("(idea) in brackets"), "in-brackets"),
        (ask("?"), "item"),
    ],
)
def test_an_id_is_readable(request_: RunRequest, slug: str) -> None:
    assert re.fullmatch(rf"{slug}-[0-9a-f]{{20}}", item_id(request_))


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000"])
def test_a_blank_name_is_refused_with_its_field(blank: str) -> None:
    cases = {
        "idempotency_key": ask(idempotency_key=blank, scope=SCOPE),
        "scoped_work_item.item_id": ask(idempotency_key="k", scope=replace(SCOPE, item_id=blank)),
        "request_id": ask(request_id=blank, request_id_named=True),
    }
    for field, request in cases.items():
        with pytest.raises(InvalidRequest) as refused:
            work_item_for(request, unique="u")

        assert refused.value.field == field
        assert refused.value.code == "invalid_request"
        assert refused.value.message.startswith(field)
        assert field in (refused.value.suggested_action or "")


def test_a_blank_generated_request_id_is_not_a_name() -> None:
    assert not work_item_for(ask(request_id=""), unique="u").named


@pytest.mark.parametrize("field", [field.name for field in fields(ScopedWork)])
def test_the_hash_covers_every_field_of_the_scope(field: str) -> None:
    value: object = ("only that",) if field == "constraints" else "other"

    other = replace(SCOPE, **{field: value})

    assert hash_of("t", SCOPE) != hash_of("t", other)


def test_the_hash_covers_every_reference_and_their_order() -> None:
    hashes = {
        hash_of("t", scope, *given)
        for scope in (None, SCOPE)
        for given in ((), ("",), ("a",), ("b",), ("a", "b"), ("b", "a"), ("a", "a"), ("ab",))
    }

    assert len(hashes) == 16


@given(bodies(any_texts()), bodies(any_texts()))
def test_the_hash_is_the_same_exactly_for_the_same_body(
    body: RequestBody, other: RequestBody
) -> None:
    assert (hash_request(body) == hash_request(other)) == (body == other)


def test_a_works_hash_is_that_of_everything_the_request_asks_for() -> None:
    request = ask(scope=SCOPE, context_refs=("docs/a.md", "two\nlines"))

    assert work_item_for(request, unique="u").request_hash == hash_of(
        "Make it blue", SCOPE, "docs/a.md", "two\nlines"
    )


def test_the_hash_distinguishes_a_character_from_its_surrogate_halves() -> None:
    assert hash_of("\U0001f600") != hash_of("\ud83d\ude00")
    assert hash_of("t", None, "\U0001f600") != hash_of("t", None, "\ud83d\ude00")


def test_the_hash_distinguishes_lone_surrogates() -> None:
    assert len({hash_of(text) for text in ("\ud800", "\ud801", "?", "\ufffd")}) == 4


def test_the_hash_is_blind_to_route_kind_and_mode() -> None:
    plain = ask(idempotency_key="k")
    dressed = replace(
        plain,
        route=RoutePreference.MILLRACE,
        intake=IntakePreference.PROBE,
        mode="lad_pi",
        session_mode="default_pi",
        finalizer=Finalizer.SUMMARY,
        keep_daemon=True,
    )

    assert work_item_for(plain, unique="1") == work_item_for(dressed, unique="2")


def test_ids_stay_what_they_are_from_version_to_version() -> None:
    ids = [
        item_id(ask(idempotency_key="nightly")),
        item_id(ask(scope=SCOPE)),
        item_id(ask(request_id_named=True)),
        item_id(ask(), unique="fresh"),
    ]

    assert ids == [
        "nightly-f188a99976c789d86b68",
        "item-1-0037ec048603b972c11e",
        "make-it-blue-60f4ca8aaa0168772822",
        "make-it-blue-12a7bf2f389ecf618f4d",
    ]


def test_a_hash_stays_what_it_is_from_version_to_version() -> None:
    assert (
        hash_of("Make it blue", SCOPE)
        == "4eb06ccc2b738a969a00fbd177f9a6f90b317542e67929978ebe296c3fc929ee"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fix-it-0123456789abcdef0123", True),
        ("fix-it-0123456789abcdef012", False),
        ("fix-it-0123456789abcdef01234", False),
        ("Fix-it-0123456789abcdef0123", False),
        ("0123456789abcdef0123", False),
        ("ticket-12", False),
        ("", False),
    ],
)
def test_the_form_of_an_items_id_is_known(text: str, *, expected: bool) -> None:
    assert is_item_id(text) is expected


def test_an_item_is_known_by_the_name_of_its_request_alone() -> None:
    request = RunRequest(task="Fix it", request_id="r-1", request_id_named=True)
    item = work_item_for(request, unique="")
    keyed = work_item_for(replace(request, idempotency_key="k-1"), unique="")
    unnamed = work_item_for(replace(request, request_id_named=False), unique="r-1")

    assert is_item_id(item.item_id)
    assert is_named(item.item_id, item.request_hash, "r-1")
    assert not is_named(item.item_id, item.request_hash, "r-2")
    assert not is_named(item.item_id, "0" * 64, "r-1")
    assert is_named(keyed.item_id, "0" * 64, "k-1")
    assert not is_named(keyed.item_id, keyed.request_hash, "r-1")
    assert not is_named(unnamed.item_id, unnamed.request_hash, "r-1")
