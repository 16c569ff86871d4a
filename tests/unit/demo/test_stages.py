import json

import pytest

from millracer.demo.project import COVER, FIX, REQUESTS, Change
from millracer.demo.scripted_model import ModelRequest, Reply
from millracer.demo.stages import respond
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.outcome import Outcome
from millracer.millrace.intake.markdown import parse_document
from millracer.run.prompts import decision_prompt, direct_prompt, notification_prompt, report_prompt


def _request(prompt: str, *tool_results: str) -> ModelRequest:
    return ModelRequest(
        messages=(),
        last_user_text=prompt,
        system_text="",
        tool_results=tool_results,
        tools=(),
        raw={},
    )


TASK = REQUESTS[IntakeKind.TASK]
RUN = "/ws/millrace-agents/runs/r1"
FAILED = "FAILED (failures=1)\n"
PASSED = "Ran 2 tests in 0.001s\n\nOK\n"
SPEC_TEXT = """\
# Reliable discounts

Spec-ID: s1
Root-Idea-ID: i1
Root-Spec-ID: s1

Goals:
- Quote a line of another document:
Root-Spec-ID: another
"""


def _stage_prompt(stage: str, item: str = "task t1") -> str:
    return f"""\
Stage Request Context:
Run ID: r1
Stage: {stage}
Active Work Item: {item}
Active Work Item Path: /ws/item.md
Closure Target Root Spec ID: s1
Preferred Rubric Path: rubrics/s1.md
Preferred Verdict Path: verdicts/s1.json
Preferred Report Path: {RUN}/arbiter_report.md
Run Directory: {RUN}
"""


def _moves(prompt: str, *tool_results: str) -> list[Reply]:
    """What the model does step by step while its tools answer so."""
    return [
        respond(_request(prompt, *tool_results[:done])) for done in range(len(tool_results) + 1)
    ]


def _written(replies: list[Reply]) -> dict[str, str]:
    return {
        str(reply.tool_arguments["path"]): str(reply.tool_arguments["content"])
        for reply in replies
        if reply.tool_name == "write"
    }


@pytest.mark.parametrize("kind", IntakeKind)
def test_the_decision_turn_is_answered_with_delegation_as_the_wanted_kind(kind: IntakeKind) -> None:
    reply = respond(_request(decision_prompt(RequestBody(task=REQUESTS[kind]))), kind)
    decision = json.loads(reply.content)

    assert (decision["decision"], decision["intake_kind"]) == ("millrace", kind)


def test_a_stage_prompt_quoted_inside_a_direct_turn_does_not_start_a_stage() -> None:
    reply = respond(_request(direct_prompt(RequestBody(task=_stage_prompt("builder")))))

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

    assert respond(_request(prompt)).tool_name == ""
    assert respond(_request(prompt)).content


def test_a_notice_is_answered_with_one_line_and_starts_no_stage() -> None:
    reply = respond(_request(notification_prompt(_stage_prompt("updater"))))

    assert reply.tool_name == ""
    assert len(reply.content.splitlines()) == 1


@pytest.mark.parametrize(
    ("item_text", "change"),
    [("# Fix `discounted` in pricing.py\n", FIX), (f"# {COVER.title}\n\nTask-ID: x\n", COVER)],
)
def test_the_builder_changes_what_its_item_asks_for_before_it_claims_to_be_done(
    item_text: str, change: Change
) -> None:
    replies = _moves(_stage_prompt("builder"), item_text, "the file", "ok", "ok")

    assert [reply.tool_name for reply in replies] == ["read", "read", "write", "write", ""]
    assert [reply.tool_arguments["path"] for reply in replies[:2]] == ["/ws/item.md", change.path]
    assert replies[2].tool_arguments == {"path": change.path, "content": change.content}
    assert f"{RUN}/builder_summary.md" in _written(replies)
    assert replies[4].content == "### BUILDER_COMPLETE"


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
    replies = _moves(_stage_prompt("updater"), f"# {COVER.title}\n", "")

    command = str(replies[1].tool_arguments["command"])
    assert "CHANGELOG.md" in command
    assert COVER.changelog_line in command
    assert replies[2].content == "### UPDATE_COMPLETE"


def test_recon_sees_the_fault_and_leaves_a_task_and_a_packet_that_names_it() -> None:
    replies = _moves(_stage_prompt("recon", "probe p1"), "# Why?\n", FAILED, "ok", "ok")
    written = _written(replies)

    assert [reply.tool_name for reply in replies] == ["read", "bash", "write", "write", ""]
    assert set(written) == {f"{RUN}/generated_task.md", f"{RUN}/recon_packet.md"}
    task = parse_document(written[f"{RUN}/generated_task.md"], IntakeKind.TASK).fields
    assert task["Task-ID"] == "p1-fix"
    assert (task["Root-Intake-Kind"], task["Root-Intake-ID"]) == ("probe", "p1")
    packet = written[f"{RUN}/recon_packet.md"].splitlines()
    assert {"Probe-ID: p1", "Decision: to_execution", "Emitted-Task-ID: p1-fix"} <= set(packet)
    assert replies[4].content == "### RECON_TO_EXECUTION"


@pytest.mark.parametrize(
    ("stage", "tool_results"), [("recon", ("# Why?\n", PASSED)), ("arbiter", (FAILED,))]
)
def test_a_stage_that_sees_what_it_did_not_expect_is_blocked(
    stage: str, tool_results: tuple[str, ...]
) -> None:
    reply = respond(_request(_stage_prompt(stage), *tool_results))

    assert (reply.content, reply.tool_name) == ("### BLOCKED", "")


def test_the_planner_leaves_its_disposition_on_the_active_item() -> None:
    replies = _moves(_stage_prompt("planner", "spec s1"), SPEC_TEXT, "ok")
    disposition = json.loads(_written(replies)[f"{RUN}/planner_disposition.json"])

    assert disposition["disposition"] == "active_source_ready_for_manager"
    assert disposition["source_work_item_family_id"] == "spec"
    assert disposition["source_work_item_id"] == "s1"
    assert replies[2].content == "### PLANNER_COMPLETE"


def test_the_manager_queues_two_tasks_of_the_specs_lineage_the_second_after_the_first() -> None:
    replies = _moves(_stage_prompt("manager", "spec s1"), SPEC_TEXT, "ok", "ok")
    queue = "/ws/millrace-agents/tasks/queue"
    tasks = {
        path: parse_document(text, IntakeKind.TASK).fields
        for path, text in _written(replies).items()
    }

    assert list(tasks) == [f"{queue}/s1-fix.md", f"{queue}/s1-cover.md"]
    for task in tasks.values():
        assert (task["Root-Idea-ID"], task["Root-Spec-ID"], task["Spec-ID"]) == ("i1", "s1", "s1")
    assert [task.get("Depends-On") for task in tasks.values()] == [None, ("s1-fix",)]
    assert replies[3].content == "### MANAGER_COMPLETE"


def test_the_builder_knows_the_managers_tasks_again() -> None:
    tasks = _written(_moves(_stage_prompt("manager", "spec s1"), SPEC_TEXT, "ok"))
    built = [
        respond(_request(_stage_prompt("builder"), text)).tool_arguments["path"]
        for text in tasks.values()
    ]

    assert built == [FIX.path, COVER.path]


def test_the_arbiter_judges_by_the_tests_it_ran_and_leaves_rubric_verdict_and_report() -> None:
    replies = _moves(_stage_prompt("arbiter", "none none"), PASSED, "ok", "ok", "ok")
    written = _written(replies)

    assert replies[0].tool_name == "bash"
    assert list(written) == ["rubrics/s1.md", "verdicts/s1.json", f"{RUN}/arbiter_report.md"]
    verdict = json.loads(written["verdicts/s1.json"])
    assert (verdict["root_spec_id"], verdict["run_id"]) == ("s1", "r1")
    assert verdict["terminal_result"] == "ARBITER_COMPLETE"
    assert "Ran 2 tests" in written[f"{RUN}/arbiter_report.md"]
    assert replies[4].content == "### ARBITER_COMPLETE"


@pytest.mark.parametrize("stage", ["troubleshooter", "consultant", "fixer"])
def test_a_stage_without_a_part_is_blocked_and_never_claims_success(stage: str) -> None:
    assert respond(_request(_stage_prompt(stage))).content == "### BLOCKED"
