"""What is printed: one ASCII document of the published shape, whatever texts it has to carry."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.domain.workspaces import ResolutionRule
from millracer.schemas.base import render
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.request import SCHEMA_VERSION
from millracer.schemas.ops.result import (
    CompletionDocument,
    EnqueueReply,
    OpsErrorDocument,
    OpsResult,
    OpsRoute,
    OpsStatus,
    ResolutionDocument,
    SessionDocument,
    SessionReply,
    SessionsReply,
    Verification,
    WarningDocument,
    WorkspaceDocument,
    WorkspaceRefDocument,
    WorkspaceReply,
    WorkspacesReply,
)
from millracer.schemas.run.parts import ScopedWorkDocument
from millracer.schemas.run.result import describe, render_result
from tests.support.hostile import any_texts
from tests.support.ops_requests import json_values, texts
from tests.support.ops_results import NOW, run_results
from tests.support.ops_world import assert_published, strictly

NOTHING = CompletionDocument(outcome="unknown", scoped_completion=False)


def result(**fields: Any) -> OpsResult:
    plain: dict[str, Any] = {
        "request_id": None,
        "status": OpsStatus.FAILED,
        "action": None,
        "workspace_ref": WorkspaceRefDocument(),
        "started_at": NOW,
        "finished_at": NOW,
        "warnings": [],
        "errors": [],
        "result": {},
        "completion": NOTHING,
    }
    return OpsResult(**{**plain, **fields})


@st.composite
def results(draw: st.DrawFn) -> OpsResult:
    text = any_texts()
    maybe = st.none() | text
    described = describe(draw(run_results(text)))
    workspace = st.builds(
        WorkspaceDocument,
        workspace_id=text,
        root_path=text,
        display_name=maybe,
        default_mode=maybe,
        tags=st.lists(text, max_size=2),
        is_default=st.booleans(),
    )
    session = st.builds(
        SessionDocument,
        session_id=text,
        client_name=text,
        selected_workspace_id=maybe,
        selected_root_path=maybe,
        selected_mode=maybe,
        recent_request_ids=st.lists(text, max_size=2),
        last_warning_codes=st.lists(text, max_size=2),
        created_at=st.just(NOW),
        updated_at=st.just(NOW),
    )
    reply = EnqueueReply(
        task=draw(text),
        output=described.output,
        event=described.event,
        task_path=described.task_path,
        status=described.status,
        resolution=ResolutionDocument(
            rule=draw(st.sampled_from(ResolutionRule)),
            root_path=draw(text),
            workspace_id=draw(maybe),
        ),
    )
    shared = {"code": text, "message": text, "field": maybe, "suggested_action": maybe}
    return result(
        request_id=draw(st.none() | texts()),
        status=draw(st.sampled_from(OpsStatus)),
        action=draw(st.none() | texts()),
        workspace_ref=WorkspaceRefDocument(
            workspace_id=draw(maybe), root_path=draw(maybe), mode=draw(maybe)
        ),
        warnings=draw(st.lists(st.builds(WarningDocument, **shared), max_size=2)),
        errors=draw(st.lists(st.builds(OpsErrorDocument, **shared, detail=maybe), max_size=2)),
        result=draw(
            st.one_of(
                st.just(reply),
                st.builds(WorkspacesReply, workspaces=st.lists(workspace, max_size=2)),
                st.builds(WorkspaceReply, workspace=workspace),
                st.builds(SessionsReply, sessions=st.lists(session, max_size=2)),
                st.builds(SessionReply, session=st.none() | session),
                st.dictionaries(texts(), json_values(strict=True), max_size=3),
            )
        ),
        completion=CompletionDocument(
            outcome=draw(st.just("unknown") | st.sampled_from(Outcome)),
            scoped_completion=draw(st.booleans()),
            evidence_summary=described.completion_evidence,
            missing_evidence=draw(st.lists(text, max_size=2)),
            verification_status=draw(st.sampled_from(Verification)),
            terminal_outcome_ref=draw(maybe),
        ),
        route=draw(st.none() | st.sampled_from(OpsRoute)),
        intake_kind=draw(st.none() | st.sampled_from(IntakeKind)),
        scoped_work_item=described.scoped_work_item,
        evidence_refs=draw(st.lists(text, max_size=2)),
        session_ref=draw(maybe),
        raw_compat=draw(st.sampled_from([None, described])),
    )


@given(results())
def test_any_result_is_one_document_of_the_published_shape(any_result: OpsResult) -> None:
    document = strictly(render(any_result))

    assert_published(SchemaName.OPS_RESULT, document)
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["request_id"] == any_result.request_id
    assert document["action"] == any_result.action


@given(run_results(any_texts()))
def test_any_run_result_is_one_document_of_the_published_shape(any_result: RunResult) -> None:
    assert_published(SchemaName.RUN_RESULT, strictly(render_result(any_result)))


def test_a_result_without_anything_says_so_with_few_keys() -> None:
    document = json.loads(render(result()))

    assert document == {
        "schema_version": SCHEMA_VERSION,
        "request_id": None,
        "status": "failed",
        "action": None,
        "workspace_ref": {"runtime_kind": "local"},
        "started_at": "2026-01-02T03:04:05Z",
        "finished_at": "2026-01-02T03:04:05Z",
        "warnings": [],
        "errors": [],
        "result": {},
        "completion": {
            "outcome": "unknown",
            "scoped_completion": False,
            "evidence_summary": [],
            "missing_evidence": [],
            "verification_status": "unverified",
            "terminal_outcome_ref": None,
        },
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("route", OpsRoute.DIRECT),
        ("intake_kind", IntakeKind.TASK),
        ("evidence_refs", ["a"]),
        ("session_ref", "local"),
        (
            "scoped_work_item",
            ScopedWorkDocument(
                item_id="x",
                title=None,
                source_queue=None,
                spec_path=None,
                completion_ref=None,
                constraints=[],
            ),
        ),
    ],
)
def test_a_key_that_has_something_to_say_is_there(field: str, value: object) -> None:
    assert field in json.loads(render(result(**{field: value})))


@pytest.mark.parametrize("kind", [WarningDocument, OpsErrorDocument])
def test_warnings_and_errors_leave_out_what_they_do_not_know(
    kind: type[WarningDocument | OpsErrorDocument],
) -> None:
    bare, severity = kind(code="c", message="m"), kind.model_fields["severity"].default
    full = kind(code="c", message="m", field="f", related_ref="r", suggested_action="s")
    plain = {"code": "c", "message": "m", "severity": severity, "recoverable": True}

    assert bare.model_dump(mode="json") == plain
    assert full.model_dump(mode="json").items() >= {
        "field": "f", "related_ref": "r", "suggested_action": "s"
    }.items()  # fmt: skip


def test_an_infinite_number_in_millraces_status_becomes_null() -> None:
    document = strictly(render(result(result={"x": [float("inf"), float("nan"), 1.5]})))

    assert document["result"] == {"x": [None, None, 1.5]}
