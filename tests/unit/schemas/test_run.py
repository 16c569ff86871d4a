import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.programs import ProgramsUsed, ProgramUsed, ToolOrigin
from millracer.domain.requests import Decision, IntakeKind, Route, ScopedWork
from millracer.domain.run.completion import MissingEvidence
from millracer.domain.run.evidence import ItemFact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, ErrorRecord, NextStep, RunResult, Versions
from millracer.domain.work.items import ItemState
from millracer.errors import RunWarning
from millracer.schemas.run.document import RunResultDocument
from millracer.schemas.run.result import render_result

NOW = datetime(2026, 1, 2, tzinfo=UTC)
#: The keys callers of the reference read.
REFERENCE_KEYS = {
    "route",
    "intake_kind",
    "intake_signals",
    "decision",
    "output",
    "event",
    "task_path",
    "status",
    "warnings",
    "outcome",
    "scoped_completion",
    "completion_evidence",
    "scoped_work_item",
    "progress_events",
}
MILLRACER_KEYS = {
    "schema_version",
    "request_id",
    "work_item_id",
    "missing_evidence",
    "lineage",
    "errors",
    "next_steps",
    "restarts",
    "timings",
    "changes",
    "verification",
    "checks",
    "usage",
    "artifacts",
    "versions",
    "tools",
}


def result(text: str, *, completed: bool = True) -> RunResult:
    fact = ItemFact(
        item_id="x", work_kind="task", state=ItemState.DONE, source="s", observed_at=NOW
    )
    return RunResult(
        request_id="r",
        workspace="/w",
        outcome=Outcome.COMPLETED if completed else Outcome.BLOCKED,
        output=text,
        versions=Versions(millracer="0", millrace="0.21.1", pi=None),
        tools=ProgramsUsed(millrace=ProgramUsed(command=text, origin=ToolOrigin.SETUP)),
        route=Route.MILLRACE,
        intake_kind=IntakeKind.TASK,
        intake_signals=("s",),
        decision=Decision(route=Route.MILLRACE, why=text),
        event=DecidingEvent(EventKind.SCOPED_COMPLETE, text, NOW, "x", "run-1"),
        status={"workspace": text, "paused": False},
        warnings=(RunWarning("code", text),),
        proof=(fact,),
        scoped_completion=completed,
        scope=ScopedWork(item_id="ITEM-1"),
        missing_evidence=(MissingEvidence(text, "b", "c"),),
        errors=(ErrorRecord("code", text, None),),
        next_steps=(NextStep("continue", text),),
        timings={"decide": 0.12345},
    )


@given(st.text() | st.just("\ud800 \x1b[31m   \x00"))
def test_any_text_becomes_one_ascii_json_document_of_the_published_shape(text: str) -> None:
    rendered = render_result(result(text))

    assert rendered.isascii()
    document = json.loads(rendered)
    assert REFERENCE_KEYS | MILLRACER_KEYS == set(document) == set(RunResultDocument.model_fields)
    assert document["output"] == text


def test_each_program_is_reported_with_its_origin() -> None:
    assert json.loads(render_result(result("/m")))["tools"] == {
        "millrace": {"command": "/m", "origin": "setup"},
        "pi": None,
    }


def test_the_references_shapes_are_kept() -> None:
    document = json.loads(render_result(result("t")))

    assert (
        document["event"].items()
        >= {
            "kind": "scoped_complete",
            "workspace": "/w",
            "reason": "t",
        }.items()
    )
    assert document["completion_evidence"][0].keys() >= {"kind", "workspace", "reason"}
    assert document["warnings"] == ["code: t"]
    assert set(document["decision"]) == {
        "route",
        "intake_kind",
        "why",
        "mode",
        "custom_loop_needed",
        "signals",
        "notes",
    }
    assert set(document["scoped_work_item"]) == {
        "item_id",
        "title",
        "source_queue",
        "spec_path",
        "completion_ref",
        "constraints",
    }


def test_what_proves_a_block_is_not_listed_as_completion_evidence() -> None:
    document = json.loads(render_result(result("t", completed=False)))

    assert document["completion_evidence"] == []
