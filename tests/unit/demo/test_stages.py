import json

import pytest

from millracer.application.prompts import decision_prompt, direct_prompt, report_prompt
from millracer.demo.project import MENDED_SOURCE, SOURCE_NAME, TASK
from millracer.demo.scripted_model import ModelRequest
from millracer.demo.stages import respond
from millracer.domain.work import Outcome


def _request(prompt: str, *tool_results: str) -> ModelRequest:
    return ModelRequest(
        messages=(),
        last_user_text=prompt,
        system_text="",
        tool_results=tool_results,
        tools=(),
        raw={},
    )


def _stage_prompt(stage: str) -> str:
    return f"Stage Request Context:\nStage: {stage}\nPlane: execution\nRun Directory: /ws/runs/r1\n"


def test_the_decision_turn_is_answered_with_a_delegated_task() -> None:
    reply = respond(_request(decision_prompt(TASK, None)))
    decision = json.loads(reply.content)

    assert (decision["decision"], decision["intake_kind"]) == ("millrace", "task")


def test_a_stage_prompt_quoted_inside_a_direct_turn_does_not_start_a_stage() -> None:
    reply = respond(_request(direct_prompt(_stage_prompt("builder"), None)))

    assert "scripted" in reply.content
    assert reply.tool_name == ""


def test_the_closing_turn_is_answered_with_a_report() -> None:
    prompt = report_prompt(
        task=TASK,
        outcome=Outcome.COMPLETED,
        reason="done",
        evidence=(),
        missing=(),
        warnings=(),
        next_steps=(),
    )

    assert "Millrace built" in respond(_request(prompt)).content


def test_the_builder_reads_and_mends_the_source_before_it_claims_to_be_done() -> None:
    prompt = _stage_prompt("builder")
    replies = [respond(_request(prompt, *["ok"] * done)) for done in range(4)]

    assert [reply.tool_name for reply in replies] == ["read", "write", "write", ""]
    assert replies[1].tool_arguments == {"path": SOURCE_NAME, "content": MENDED_SOURCE}
    assert replies[2].tool_arguments["path"] == "/ws/runs/r1/builder_summary.md"
    assert replies[3].content == "### BUILDER_COMPLETE"


@pytest.mark.parametrize(
    ("output", "marker"),
    [
        ("Ran 2 tests in 0.001s\n\nOK\n", "### CHECKER_PASS"),
        ("FAILED (failures=1)\n", "### FIX_NEEDED"),
        ("it is not OK\n", "### FIX_NEEDED"),
    ],
)
def test_the_checker_passes_only_what_the_test_run_says_is_ok(output: str, marker: str) -> None:
    prompt = _stage_prompt("checker")

    assert respond(_request(prompt)).tool_name == "bash"
    assert marker == respond(_request(prompt, output)).content


def test_the_updater_notes_the_change_before_it_is_done() -> None:
    prompt = _stage_prompt("updater")

    assert "CHANGELOG.md" in str(respond(_request(prompt)).tool_arguments["command"])
    assert respond(_request(prompt, "")).content == "### UPDATE_COMPLETE"


@pytest.mark.parametrize("stage", ["troubleshooter", "consultant", "fixer"])
def test_a_stage_without_a_part_is_blocked_and_never_claims_success(stage: str) -> None:
    assert respond(_request(_stage_prompt(stage))).content == "### BLOCKED"
